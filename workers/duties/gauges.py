"""The gauges for autoscaler and operator: how long work waits, how many workers it needs, what died."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from pymongo.database import Database

from adapters.mongo.client import CODEC
from adapters.mongo.server_time import server_time
from adapters.process.metrics import Metrics
from tasks.queues import QUEUES
from workers.duties.duty import Duty

EVERY = timedelta(seconds=5)

COUNTED_AT_MOST = 100_000
"""Due commands counted per queue at the most: the count stays cheap, and means "very many"."""

DRAINED_WITHIN = timedelta(seconds=30)
"""The time in which the required workers would empty the queue."""

MEAN_COMMAND = timedelta(milliseconds=2)
"""A slot's time for one command, where workers do not report theirs."""

SLOTS = 2


class Load(msgspec.Struct, frozen=True):
    """A queue's load now. `age`: how long its oldest due command has been due."""

    ready: int
    age: timedelta


class Crew(msgspec.Struct, frozen=True):
    """The live workers: slots of one of them, and a slot's seconds per command."""

    slots: int
    seconds: float


def load(db: Database[Any], queue: str, now: datetime) -> Load:
    """The load of one queue, from the `due` index alone."""
    due_since = {"$max": ["$next_at", {"$toDate": {"$multiply": [{"$tsSecond": "$seq"}, 1000]}}]}
    pipeline: list[dict[str, Any]] = [
        {"$match": {"queue": queue, "tenant_id": {"$gt": ""}, "next_at": {"$lte": now}}},
        {"$limit": COUNTED_AT_MOST},
        {"$project": {"_id": 0, "next_at": 1, "seq": 1}},
        {"$group": {"_id": None, "ready": {"$sum": 1}, "since": {"$min": due_since}}},
    ]
    found = list(db.get_collection("commands", codec_options=CODEC).aggregate(pipeline, hint="due"))
    if not found:
        return Load(0, timedelta())
    return Load(found[0]["ready"], max(now - found[0]["since"], timedelta()))


def required_workers(ready: int, crew: Crew) -> int:
    """Workers that would do this in DRAINED_WITHIN."""
    return math.ceil(ready * crew.seconds / DRAINED_WITHIN.total_seconds() / crew.slots)


def crew(db: Database[Any]) -> Crew:
    """The mean of what workers report in their heartbeats (`slots`, `seconds_per_command`)."""
    workers = list(db.workers.find({}, {"slots": 1, "seconds_per_command": 1}))
    return Crew(
        slots=round(_mean(workers, "slots", SLOTS)),
        seconds=_mean(workers, "seconds_per_command", MEAN_COMMAND.total_seconds()),
    )


def _mean(workers: list[Mapping[str, Any]], name: str, default: float) -> float:
    reported = [worker[name] for worker in workers if name in worker]
    return sum(reported) / len(reported) if reported else default


def dead_letters(db: Database[Any]) -> int:
    query = {"tenant_id": {"$gt": ""}, "state": "dead"}
    return db.commands.count_documents(query, hint="unhappy", limit=COUNTED_AT_MOST)


def measure(db: Database[Any], metrics: Metrics) -> None:
    """Set the gauges. Raises: PyMongoError."""
    now, working = server_time(db), crew(db)
    for queue in QUEUES:
        found = load(db, queue, now)
        metrics.ready_age.labels(queue).set(found.age.total_seconds())
        metrics.required_workers.labels(queue).set(required_workers(found.ready, working))
    metrics.dead_letters.set(dead_letters(db))


def gauges_duty(db: Database[Any], metrics: Metrics) -> Duty:
    def tick() -> timedelta:
        measure(db, metrics)
        return EVERY

    return Duty("gauges", tick)
