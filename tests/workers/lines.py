"""Commands as the relay and the reaper see them, and ears for hints."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from bson.timestamp import Timestamp
from dramatiq.brokers.redis import RedisBroker
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from adapters.commands.document import AT_ONCE, TargetQueue
from adapters.mongo.client import CODEC, Document
from adapters.mongo.server_time import server_time

_serial = count(1)


def server_now(db: Database[Any]) -> datetime:
    return server_time(db)


def long_ago(db: Database[Any]) -> Timestamp:
    """A `seq` of a minute ago: its accepter's own hint has had its time."""
    return Timestamp(int((server_now(db) - timedelta(minutes=1)).timestamp()), next(_serial))


def command(seq: Timestamp, *, tenant: str = "t1", target: str | None = None, **changes: Any) -> Document:
    """A due command; what is None in `changes` is left out."""
    number = next(_serial)
    document: Document = {
        "_id": f"c{number:08}",
        "tenant_id": tenant,
        "type": "part.adjust",
        "schema_version": 1,
        "target": target or f"part:{number}",
        "origin": {"via": "api", "user_id": "u1"},
        "idempotency": {"scope": "u1", "key": f"key {number}"},
        "state": "accepted",
        "active": True,
        "seq": seq,
        "next_at": AT_ONCE,
        "hint_at": AT_ONCE,
        "attempts": 0,
        "queue": "interactive",
    }
    return {name: value for name, value in (document | changes).items() if value is not None}


def insert(db: Database[Any], documents: Iterable[Document]) -> list[Document]:
    made = list(documents)
    db.commands.insert_many(made)
    return made


def line(document: Document) -> TargetQueue:
    return document["tenant_id"], document["target"]


def stored(db: Database[Any], document: Document) -> Document:
    now = ReadConcern("local")
    found: Document | None = db.get_collection("commands", codec_options=CODEC, read_concern=now).find_one(
        {"_id": document["_id"]}
    )
    assert found is not None
    return found


def heard(url: str, queue: str = "interactive") -> list[TargetQueue]:
    """Takes every hint that waits in the queue."""
    make: Any = RedisBroker  # untyped upstream; the stock one polls without waiting for a doorbell
    broker = make(url=url, namespace="millwright", middleware=[])
    broker.declare_queue(queue)
    consumer = broker.consume(queue, prefetch=10_000, timeout=1)
    lines: list[TargetQueue] = []
    while message := next(consumer):
        lines += [(tenant, target) for tenant, target in message.args[-1]]
        consumer.ack(message)
    consumer.close()
    broker.close()
    return lines
