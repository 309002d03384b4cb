"""A worker's slot that announces a batch, writes in its transaction, and never commits."""

from __future__ import annotations

import sys

from adapters.commands.unit_of_work import UnitOfWork
from adapters.mongo import client as mongo
from adapters.process.clock import SystemClock
from tasks.catalogue import catalogue


def main(uri: str, worker: str, *ids: str) -> None:
    client = mongo.client(uri)
    db = client.get_default_database()
    slot = UnitOfWork(client, db.name, catalogue(), worker=worker, slot=0)
    with slot.transaction():
        slot.announce(ids, SystemClock().now())
        slot.db["commands"].update_many(
            {"_id": {"$in": list(ids)}}, {"$set": {"state": "applied"}}, session=slot.session
        )
        print("written", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
