"""How fast accepted commands take effect: two worker processes of ours, and two of each rival."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import msgspec
from pymongo.database import Database

from adapters.broker import hints
from adapters.commands.document import TargetQueue
from adapters.mongo.client import Document
from bench import orders, plain_actor, stock
from bench.ground import CLOCK, LOOK_EVERY_S, PATIENCE_S, Ground, Process
from bench.orders import PER_TARGET
from bench.ratios import Sample
from bench.sides import Side, Tuned
from bench.sizes import Sizes
from cli.stop import Stop

PROCESSES = 2
THREADS = (4, 8, 16)
BATCHES = (64, 200)
LONGEST_S = 600.0
SEND_PATIENCE = hints.TIMEOUT * 20

WARM = "warm"
"""Tenant of the commands that open a worker's connections before the clock starts."""


@dataclass(frozen=True)
class Load:
    """How much is applied in one round."""

    orders: int
    per_order: int = PER_TARGET

    @property
    def commands(self) -> int:
        return self.orders * self.per_order


def ours(ground: Ground, load: Load) -> Sample:
    """Two `python -m workers`, hinted as the API hints; the clock runs from the first hint."""
    with ground.database() as db, workers(ground, db) as processes:
        lines = orders.accept(db.commands, load.orders, load.per_order)
        began = CLOCK.monotonic()
        hint(ground, lines)
        await_applied(db, load.commands, processes)
        return _sample(load, CLOCK.monotonic() - began, processes)


@contextmanager
def workers(ground: Ground, db: Database[Document], count: int = PROCESSES) -> Iterator[list[Process]]:
    """Worker processes, warmed up."""
    db.users.insert_one(orders.user())
    db.users.insert_one(orders.user() | {"_id": f"{WARM}/{orders.USER}", "tenant_id": WARM})
    with ExitStack() as stack:
        env = ground.environment(db)
        processes = [stack.enter_context(ground.process("workers", env=env)) for _ in range(count)]
        _await(lambda: db.workers.count_documents({}) == count, PATIENCE_S, processes)
        lines = orders.accept(db.commands, 8 * count, PER_TARGET, WARM)
        # One hint per target queue, so that every process gets some.
        for line in lines:
            hint(ground, [line])
        await_applied(db, len(lines) * PER_TARGET, processes, WARM)
        yield processes


def hint(ground: Ground, lines: Sequence[TargetQueue]) -> None:
    broker = hints.broker(ground.redis_url, timeout=SEND_PATIENCE)
    hints.send(broker, "interactive", lines)
    broker.close()


def plain(ground: Ground, load: Load, *, threads: int) -> Sample:
    """Two processes of the plain Dramatiq application; its messages wait when the clock starts."""
    with ground.database() as db, ExitStack() as stack:
        orders.accept(db.commands, load.orders, load.per_order)
        broker = stock.broker(ground.redis_url)
        plain_actor.declare(broker, db)
        for command in db.commands.find({}, {"_id": 1}).sort("seq", 1):
            broker.enqueue(stock.message(plain_actor.ACTOR, command["_id"]))
        env = ground.environment(db)
        start = partial(ground.process, "bench.plain_actor", str(threads), env=env)
        processes = [stack.enter_context(start()) for _ in range(PROCESSES)]
        seconds = _race(db, load, processes)
        broker.close()
        return _sample(load, seconds, processes)


def loop(ground: Ground, load: Load, *, batch: int) -> Sample:
    """Two bare loops, each with half of the orders."""
    with ground.database() as db, ExitStack() as stack:
        targets = [target for _, target in orders.accept(db.commands, load.orders, load.per_order)]
        ids = [target.partition(":")[2] for target in targets]
        env = ground.environment(db)
        processes = []
        for part in range(PROCESSES):
            process = stack.enter_context(ground.process("bench.bare_loop", str(batch), env=env))
            process.write_line(msgspec.json.encode(ids[part::PROCESSES]).decode())
            processes.append(process)
        return _sample(load, _race(db, load, processes), processes)


def _race(db: Database[Document], load: Load, processes: Sequence[Process]) -> float:
    """The seconds from the start signal until all commands are applied."""
    for process in processes:
        process.read()
    began = CLOCK.monotonic()
    for process in processes:
        process.write_line("go")
    await_applied(db, load.commands, processes)
    return CLOCK.monotonic() - began


def await_applied(
    db: Database[Document], count: int, processes: Sequence[Process], tenant: str = orders.TENANT
) -> None:
    """Returns when none is active. Raises: Stop: one is not applied, or it takes too long."""
    await_idle(db, processes, tenant)
    applied = db.commands.count_documents({"tenant_id": tenant, "state": "applied"})
    if applied != count:
        other = db.commands.find_one({"tenant_id": tenant, "state": {"$ne": "applied"}})
        raise Stop(f"Only {applied} of {count} commands of the bench were applied; one was not: {other}")


def await_idle(db: Database[Document], processes: Sequence[Process], tenant: str = orders.TENANT) -> None:
    """Returns when no command is active. Raises: Stop: it takes too long."""
    active = {"tenant_id": tenant, "active": True}
    _await(lambda: db.commands.find_one(active, {"_id": 1}, hint="line") is None, LONGEST_S, processes)


def _await(is_so: Callable[[], bool], seconds: float, processes: Sequence[Process]) -> None:
    deadline = CLOCK.monotonic() + seconds
    while not is_so():
        for process in processes:
            process.check()
        if CLOCK.monotonic() > deadline:
            raise Stop(f"The bench waited {seconds:.0f} s in vain for {processes[0].name}.")
        CLOCK.sleep(LOOK_EVERY_S)


def _sample(load: Load, seconds: float, processes: Sequence[Process]) -> Sample:
    rss = max(process.peak_mb() for process in processes)
    return Sample(load.commands / seconds, {"n": load.commands, "rss": rss})


@contextmanager
def sides(ground: Ground, sizes: Sizes) -> Iterator[dict[str, Side]]:
    """Ours and its rivals; each rival is tuned by short trials at its first round."""
    load, plain_load, trial = Load(sizes.orders), Load(sizes.plain_orders), Load(sizes.trial_orders)

    def threaded(threads: int) -> tuple[Side, Side]:
        side = partial(plain, ground, threads=threads)
        return partial(side, trial), partial(side, plain_load)

    def batched(batch: int) -> tuple[Side, Side]:
        side = partial(loop, ground, load, batch=batch)
        return side, side

    yield {
        "ours": partial(ours, ground, load),
        "plain": Tuned({str(threads): threaded(threads) for threads in THREADS}),
        "loop": Tuned({str(batch): batched(batch) for batch in BATCHES}),
    }
