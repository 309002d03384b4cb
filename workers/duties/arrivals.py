"""Releases commands that wait for an entity once it exists: its create may come from another device.

A query every few seconds rather than a wake-up in the create's transaction: two transactions that do not see
each other (one parks, one creates) would both commit, and nobody would wake the first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.commands import waiters
from adapters.mongo.client import Document, document_id
from adapters.mongo.transactions import in_transaction
from domain.kinds import ENTITIES
from workers.duties.duty import Duty

EVERY = timedelta(seconds=2)
PAGE = 500


class Arrivals:
    """Goes round all waiting commands, PAGE at a time; what never arrives holds nobody up."""

    def __init__(self, db: Database[Any]) -> None:
        self._db = db
        self._after = ""

    def tick(self) -> int:
        """Check one page; returns how many commands were released."""
        page = self._page()
        self._after = page[-1]["_id"] if len(page) == PAGE else ""
        # What waits for a kind of a newer release is left to a newer scheduler, and holds up nobody here.
        waiting = [command for command in page if command["waits_for"].partition(":")[0] in ENTITIES]
        there = self._existing(waiting)
        arrived = [command["_id"] for command in waiting if _named(command) in there]
        return in_transaction(self._db, lambda session: self._release(session, arrived)) if arrived else 0

    def _page(self) -> list[Document]:
        parked = {"tenant_id": {"$gt": ""}, "state": "parked", "waits_for": {"$exists": True}}
        behind = parked | {"_id": {"$gt": self._after}}
        found = self._db.commands.find(behind, ["tenant_id", "waits_for"]).hint("unhappy")
        return list(found.sort("_id", 1).limit(PAGE))

    def _existing(self, waiting: Iterable[Document]) -> set[tuple[str, str]]:
        named: dict[str, set[str]] = {}
        for collection, id in map(_named, waiting):
            named.setdefault(collection, set()).add(id)
        return {
            (collection, row["_id"])
            for collection, ids in named.items()
            for row in self._db[collection].find({"_id": {"$in": list(ids)}}, [])
        }

    def _release(self, session: ClientSession, ids: list[str]) -> int:
        query = {"_id": {"$in": ids}, "waits_for": {"$exists": True}}
        parked = list(self._db.commands.find(query, session=session).sort("seq", 1))
        waiters.arrive(self._db, session, parked)
        return len(parked)


def _named(command: Document) -> tuple[str, str]:
    kind, _, id = command["waits_for"].partition(":")
    return ENTITIES[kind].collection, document_id(command["tenant_id"], id)


def arrivals_duty(arrivals: Arrivals) -> Duty:
    def tick() -> timedelta:
        arrivals.tick()
        return EVERY

    return Duty("arrivals", tick)
