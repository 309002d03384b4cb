"""Maintenance plans: how fast those that are due become orders, and what those that are not due cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from functools import partial
from statistics import median

import msgspec
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

from adapters.broker import hints
from adapters.mongo.client import MAJORITY, Document
from adapters.process.metrics import Metrics
from adapters.settings.table import Settings
from bench import apply
from bench.ground import CLOCK, LOOK_EVERY_S, Ground
from bench.orders import TENANT, new_id
from bench.ratios import Sample
from bench.sides import Side
from bench.sizes import Sizes
from domain.plan.changes import new_plan
from domain.plan.model import Plan, shard_of
from domain.plan.rules import Rules
from domain.time.local_time import format_local, to_local
from workers.drain.pool import ONLINE
from workers.schedules.runner import LOOK_EVERY, Runner, runners

WRITTEN = ("commands", "work_orders", "events", "plans")
PAGE = 1_000
WRITERS = 2

ASSET = new_id()
_ITEM = {"text": "Is it tight, clean and quiet?", "kind": "pass_fail", "required": True}
_RULES: Document = {
    "name": "Grease all bearings of the boom",
    "trigger": {
        "kind": "rrule",
        "rrule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU",
        "time_zone": "Europe/Berlin",
    },
    "targets": [{"asset_id": ASSET}],
    "template": {
        "title": "Grease all bearings of the boom",
        "description": "Wipe the nipples, press until clean grease comes out, wipe again. " * 3,
        "checklist": [_ITEM] * 6,
        "assignee_ids": [new_id()],
    },
    "lead_time": "P1D",
}
_TIMES_OF_DAY = 64
"""A quarter of an hour apart: plans have one rule, but each time of day is read for itself."""

_QUARTER = timedelta(minutes=15)
_KEPT = (datetime,)


def seed(db: Database[Document], count: int, *, due: int) -> None:
    """So many plans, the first `due` of which are to be looked at now and bring one order each."""
    now = CLOCK.now()
    plans = [_plan(number, now) for number in range(_TIMES_OF_DAY)]
    alike: list[Document] = [msgspec.to_builtins(plan, builtin_types=_KEPT) for plan in plans]
    head = {"tenant_id": TENANT, "schema_version": 1}
    unsafe = db.plans.with_options(write_concern=WriteConcern(w=1, j=False))

    def write(numbers: range) -> None:
        made = []
        for number in numbers:
            id = new_id()
            like = alike[number % _TIMES_OF_DAY]
            at = now if number < due else now + timedelta(days=number % 300 + 2)
            own = {"_id": f"{TENANT}/{id}", "id": id, "shard": shard_of(id), "version": 1, "generate_at": at}
            made.append(like | head | own)
        unsafe.insert_many(made, ordered=False)

    asset = {"_id": f"{TENANT}/{ASSET}", "id": ASSET, "name": "Excavator", "version": 1, "created_at": now}
    db.assets.insert_one(head | asset)
    with ThreadPoolExecutor(WRITERS) as pool:
        for done in pool.map(write, _chunks(count, PAGE)):
            assert done is None


def _plan(number: int, now: datetime) -> Plan:
    """That is due next in two hours or more and in less than a day: only one order of it is asked for now."""
    trigger: Document = _RULES["trigger"]
    at = to_local(now + timedelta(hours=2) + number * _QUARTER, trigger["time_zone"])
    start = at.replace(second=0, microsecond=0) - timedelta(days=364)
    rules = _RULES | {"trigger": trigger | {"start_local": format_local(start)}}
    return new_plan(new_id(), msgspec.convert(rules, Rules), None, at=now, now=now)


def _chunks(count: int, size: int) -> list[range]:
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def runner(ground: Ground, db: Database[Document]) -> Runner:
    """The scheduler's own, for the schedule of plans."""
    settings = Settings.load(ground.environment(db), ground.directory)
    broker = hints.broker(ground.redis_url, timeout=apply.SEND_PATIENCE)
    candidates = runners(db, broker, settings, Metrics(), term=None)
    return next(one for one in candidates if one.schedule.name == "plans")


class Sampled:
    """Documents as generating leaves them, for those who only insert them."""

    def __init__(self) -> None:
        self.documents: dict[str, list[Document]] = {}
        self.orders = 0

    def take(self, db: Database[Document]) -> None:
        """All of one round: a smaller database is a faster one."""
        self.documents = {name: list(db[name].find({"tenant_id": TENANT})) for name in WRITTEN}
        self.orders = len(self.documents["work_orders"])


def generated(ground: Ground, sampled: Sampled, due: int) -> Sample:
    """Ticks of the real schedule, as often as the scheduler's, and two real workers, until every plan has its
    order."""
    with ground.database() as db, apply.workers(ground, db) as processes:
        seed(db, due, due=due)
        tick = runner(ground, db)
        warm = db.work_orders.estimated_document_count()
        CLOCK.sleep(ONLINE.total_seconds())  # the commands that warmed the workers were somebody's
        began = look_at = CLOCK.monotonic()
        while db.work_orders.estimated_document_count() < warm + due:
            if CLOCK.monotonic() >= look_at:
                look_at = CLOCK.monotonic() + LOOK_EVERY.total_seconds()
                tick.tick()
            for process in processes:
                process.check()
            CLOCK.sleep(LOOK_EVERY_S)
        apply.await_idle(db, processes)
        seconds = CLOCK.monotonic() - began
        if not sampled.orders:
            sampled.take(db)
        rss = max(process.peak_mb() for process in processes)
        return Sample(due / seconds, {"n": due, "rss": rss})


def inserted(ground: Ground, sampled: Sampled, collections: Sequence[str]) -> Sample:
    """The same documents, written in bulk to a database with the same indexes: nothing is decided."""
    with ground.database() as db, ThreadPoolExecutor(WRITERS) as pool:
        began = CLOCK.monotonic()
        writes: list[Callable[[], object]] = []
        for collection in collections:
            documents = sampled.documents[collection]
            into = db[collection].with_options(write_concern=MAJORITY)
            writes += [
                partial(into.insert_many, documents[part.start : part.stop], ordered=False)
                for part in _chunks(len(documents), PAGE)
            ]
        list(pool.map(lambda write: write(), writes))
        return Sample(sampled.orders / (CLOCK.monotonic() - began), {"n": sampled.orders})


def ticked(ground: Ground, db: Database[Document], due: int, rounds: int = 5) -> Sample:
    """Ticks a second that each find the same plans due, of all there are."""
    seconds = []
    for _ in range(rounds):
        db.commands.delete_many({})
        db.schedules.delete_many({})
        tick = runner(ground, db)
        began = CLOCK.monotonic()
        assert tick.tick() == due, "a tick asks for what is due"
        seconds.append(CLOCK.monotonic() - began)
    return Sample(1 / median(seconds), {"n": due})


class Remembered:
    """Peak memory of a scheduler and a worker while they bring what is due, measured once."""

    def __init__(self, ground: Ground, db: Database[Document], due: int) -> None:
        self._ground, self._db, self._due = ground, db, due
        self._sample: Sample | None = None

    def __call__(self) -> Sample:
        if self._sample is None:
            self._sample = self._measure()
        return self._sample

    def _measure(self) -> Sample:
        db, ground = self._db, self._ground
        for collection in ("commands", "schedules", "fires", "leases", "users"):
            db[collection].delete_many({})
        with ExitStack() as stack:
            processes = stack.enter_context(apply.workers(ground, db, 1))
            processes.append(
                stack.enter_context(ground.process("workers.scheduler", env=ground.environment(db)))
            )
            generated = {"plan.id": {"$exists": True}}
            while db.work_orders.count_documents(generated, limit=self._due) < self._due:
                for process in processes:
                    process.check()
                CLOCK.sleep(LOOK_EVERY_S * 10)
            peak = max(process.peak_mb() for process in processes)
        # The ticks of the next round are to find what those of this one did.
        db.plans.update_many({"last_generated": {"$ne": None}}, {"$set": {"generate_at": CLOCK.now()}})
        return Sample(peak, {"n": self._due})


@contextmanager
def sides(ground: Ground, sizes: Sizes) -> Iterator[dict[str, Side]]:
    """Generating against inserting; ticks and memory among few and among many idle plans."""
    sampled = Sampled()
    few, many = sizes.idle_plans
    due = max(few // 10, 1)
    with ground.database() as small, ground.database() as large:
        seed(small, few, due=due)
        seed(large, many, due=due)
        yield {
            "generated": partial(generated, ground, sampled, sizes.due_plans),
            "inserted": partial(inserted, ground, sampled, WRITTEN),
            "orders": partial(inserted, ground, sampled, ("work_orders",)),
            "few": partial(ticked, ground, small, due),
            "many": partial(ticked, ground, large, due),
            "few_mb": Remembered(ground, small, due),
            "many_mb": Remembered(ground, large, due),
        }
