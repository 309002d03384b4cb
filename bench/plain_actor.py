"""Rival: a plain Dramatiq application. Stock broker, stock middleware, one majority transaction per message.

`python -m bench.plain_actor THREADS`: says `ready` when booted and connected, starts at a line on stdin.
"""

from __future__ import annotations

import sys
import threading

import dramatiq
from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.mongo import client as mongo
from adapters.mongo.client import TRANSACTION, Document
from adapters.process.clock import SystemClock
from adapters.settings import table as configuration
from bench import by_hand, stock
from bench.ground import database_of

ACTOR = "apply_command"

_CLOCK = SystemClock()


def declare(broker: dramatiq.Broker, db: Database[Document]) -> None:
    """The actor; a message names one command."""

    def apply_command(id: str) -> None:
        with db.client.start_session() as session:
            session.with_transaction(lambda session: _apply(db, session, id), **TRANSACTION)

    stock.declare(broker, ACTOR, apply_command)


def _apply(db: Database[Document], session: ClientSession, id: str) -> None:
    command = db.commands.find_one({"_id": id, "active": True}, session=session)
    if command is None:
        return
    order = db.work_orders.find_one({"_id": by_hand.order_id(command)}, session=session)
    written = by_hand.apply(command, order, now=_CLOCK.now())
    if order is None:
        db.work_orders.insert_one(written.order, session=session)
    else:
        db.work_orders.replace_one({"_id": order["_id"]}, written.order, session=session)
    if written.row is not None:
        db.entries.insert_one(written.row, session=session)
    db.events.insert_one(written.event, session=session)
    db.commands.update_one({"_id": id, "active": True}, written.update, session=session)


def main() -> None:
    settings = configuration.from_environment()
    client = mongo.client(settings.mongo_uri, **settings.mongo_options)
    broker = stock.broker(settings.redis_url)
    declare(broker, database_of(client))
    worker = dramatiq.Worker(broker, worker_threads=int(sys.argv[1]))
    client.admin.command("ping")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    worker.start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
