"""Throughput of a day's offline work replayed in batches, and its effect on the latency of online
commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import msgspec
from pymongo.database import Database

from adapters.mongo.client import Document
from bench import apply, latency
from bench.accept import token
from bench.ground import CLOCK, Ground, Process
from bench.load import Outcome
from bench.orders import PER_TARGET
from bench.ratios import Sample
from bench.sides import Side
from bench.sizes import Sizes
from cli.stop import Stop


@contextmanager
def sides(ground: Ground, sizes: Sizes) -> Iterator[dict[str, Side]]:
    """One web process and two workers, fresh for each round."""
    devices, each = sizes.returning
    yield {
        "replayed": partial(_sent, ground, "offline", sizes.connections, sizes.orders),
        "posted": partial(_sent, ground, "online", sizes.connections, sizes.orders),
        "idle": partial(_idle, ground, sizes.round_trips),
        "crowded": partial(_crowded, ground, devices, devices * each // PER_TARGET),
    }


def _sent(ground: Ground, how: str, connections: int, orders: int) -> Sample:
    """Commands per second, from the first request until all are applied."""
    with _house(ground) as (db, port, workers), _crowd(ground, db, port, how, connections, orders) as crowd:
        began = CLOCK.monotonic()
        crowd.write_line("go")
        _check_all_accepted(crowd)
        apply.await_applied(db, orders * PER_TARGET, workers)
        return Sample(orders * PER_TARGET / (CLOCK.monotonic() - began), {"n": orders * PER_TARGET})


def _idle(ground: Ground, count: int) -> Sample:
    """The 99th percentile of one interactive client's commands, in milliseconds, when it is alone."""
    with _house(ground) as (_, port, _workers), latency.client(port) as create:
        return _p99(latency.taken(create, lambda done: done < count))


def _crowded(ground: Ground, devices: int, orders: int) -> Sample:
    """The same while the crowd's replays are accepted and applied."""
    with (
        _house(ground) as (db, port, workers),
        latency.client(port) as create,
        _crowd(ground, db, port, "offline", devices, orders) as crowd,
    ):
        began = CLOCK.monotonic()
        crowd.write_line("go")
        waiting = {"queue": "offline", "active": True}
        all = orders * PER_TARGET

        def goes_on(_: int) -> bool:
            for worker in workers:
                worker.check()
            return (
                db.lanes.estimated_document_count() < orders or db.commands.find_one(waiting, []) is not None
            )

        seen = latency.taken(create, goes_on)
        drained_in = CLOCK.monotonic() - began
        _check_all_accepted(crowd)
        apply.await_idle(db, workers)
        sample = _p99(seen)
        return Sample(sample.value, sample.also | {"n": all, "rate": all / drained_in})


@contextmanager
def _house(ground: Ground) -> Iterator[tuple[Database[Document], int, list[Process]]]:
    with ExitStack() as stack:
        db = stack.enter_context(ground.database())
        workers = stack.enter_context(apply.workers(ground, db))
        yield db, stack.enter_context(ground.web("api", database=db)), workers


@contextmanager
def _crowd(
    ground: Ground, db: Database[Document], port: int, how: str, connections: int, orders: int
) -> Iterator[Process]:
    """A crowd process, ready to send."""
    arguments = (str(port), str(min(connections, orders)), how, str(orders))
    with ground.process("bench.crowd", *arguments, env=ground.environment(db)) as crowd:
        crowd.write_line(token())
        crowd.read()
        yield crowd


def _check_all_accepted(crowd: Process) -> None:
    """Raises: Stop: an answer was not a 202."""
    outcome = msgspec.json.decode(crowd.read(), type=Outcome)
    if outcome.statuses.keys() != {"202"}:
        raise Stop(f"Not all of the crowd's requests were answered with 202: {outcome.statuses}")


def _p99(taken: list[float]) -> Sample:
    ordered = sorted(taken)
    middle, last = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    return Sample(last, {"n": len(ordered), "p50": middle})
