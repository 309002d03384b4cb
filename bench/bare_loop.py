"""Rival: a bare pymongo loop. No queue, no hints, no announcements: it gets its order ids,
reads their commands, and writes batch after batch, one transaction each, in as few server commands as ours.

`python -m bench.bare_loop BATCH`: order ids on one line of stdin; says `ready`, starts at the next line.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import msgspec
from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.mongo import client as mongo
from adapters.mongo.client import TRANSACTION, Document
from adapters.process.clock import SystemClock
from adapters.settings import table as configuration
from bench import by_hand
from bench.ground import database_of
from bench.orders import PER_TARGET, TENANT

_CLOCK = SystemClock()


def drain(db: Database[Document], orders: Sequence[str], *, batch: int) -> None:
    """Applies all commands of these orders, about `batch` to a transaction."""
    step = max(1, batch // PER_TARGET)
    with db.client.start_session() as session:
        for start in range(0, len(orders), step):
            with session.start_transaction(**TRANSACTION):
                _apply(db, session, orders[start : start + step])


def _apply(db: Database[Document], session: ClientSession, orders: Sequence[str]) -> None:
    query = {"tenant_id": TENANT, "target": {"$in": [f"work_order:{id}" for id in orders]}, "active": True}
    active = db.commands.find(query, session=session).sort([("tenant_id", 1), ("target", 1), ("seq", 1)])
    commands = list(active.batch_size(1_000))
    existing = db.work_orders.find({"_id": {"$in": [f"{TENANT}/{id}" for id in orders]}}, session=session)
    before = {order["_id"]: order for order in existing.batch_size(1_000)}
    now = _CLOCK.now()
    after: dict[str, Document] = {}
    written = []
    for command in commands:
        id = by_hand.order_id(command)
        done = by_hand.apply(command, after.get(id) or before.get(id), now=now)
        after[id] = done.order
        written.append(done)
    # All get the same verdict at the same time, so one statement updates them.
    ids = [command["_id"] for command in commands]
    verdicts = {"q": {"_id": {"$in": ids}, "active": True}, "u": written[0].update, "multi": True}
    replaced = [{"q": {"_id": id}, "u": order} for id, order in after.items() if id in before]
    _run(db, session, "update", "commands", "updates", [verdicts])
    _run(db, session, "insert", "work_orders", "documents", [after[id] for id in after if id not in before])
    _run(db, session, "update", "work_orders", "updates", replaced)
    _run(db, session, "insert", "entries", "documents", [done.row for done in written if done.row])
    _run(db, session, "insert", "events", "documents", [done.event for done in written])


def _run(
    db: Database[Document],
    session: ClientSession,
    command: str,
    collection: str,
    name: str,
    what: Sequence[Document],
) -> None:
    if what:
        db.command({command: collection, name: what}, codec_options=mongo.CODEC, session=session)


def main() -> None:
    settings = configuration.from_environment()
    client = mongo.client(settings.mongo_uri, **settings.mongo_options)
    orders = msgspec.json.decode(sys.stdin.readline(), type=list[str])
    client.admin.command("ping")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    drain(database_of(client), orders, batch=int(sys.argv[1]))
    # Exits only when the bench says so: the bench reads from MongoDB when all is applied.
    sys.stdin.readline()


if __name__ == "__main__":
    main()
