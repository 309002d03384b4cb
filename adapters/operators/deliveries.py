"""What a person decides about deliveries that failed or are in doubt: send again, or say what became of them.

The rows of one message (a digest) share what becomes of it, so an act on one is an act on all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.delivery.ledger import State
from adapters.delivery.row_updates import HISTORY
from adapters.mongo.client import Contention, Document, document_id
from adapters.mongo.transactions import in_transaction
from adapters.operators.audit import Act, audit

OPEN_TO_PEOPLE: tuple[State, ...] = ("failed", "uncertain")
BOUNCES: tuple[State, ...] = (*OPEN_TO_PEOPLE, "sent")
"""What may be said to have failed: a mail that its server took may come back later, to a person's mailbox."""

Settled = Literal["sent", "failed"]


class NoSuchDelivery(Exception):
    """The tenant has no delivery of that id."""


class NotOpen(Exception):
    """It is on its way, or has ended well: nothing is to be decided."""

    def __init__(self, state: str) -> None:
        super().__init__(f"the delivery is {state}: a person decides on one that failed or is uncertain")
        self.state = state


def listed(
    db: Database[Any], tenant_id: str | None, *, state: str | None = None, limit: int
) -> list[Document]:
    """Newest first. Without a tenant: of all (command line only)."""
    query = {"tenant_id": tenant_id, "state": state}
    wanted = {name: value for name, value in query.items() if value is not None}
    return list(db["deliveries"].find(wanted).sort([("created_at", -1), ("_id", -1)]).limit(limit))


def addresses(db: Database[Any], rows: Sequence[Document]) -> dict[str, str]:
    """Whom each row is for, as a person knows them: by `_id`, an e-mail address, or a webhook's id."""
    ids = {document_id(row["tenant_id"], row["recipient"]) for row in rows}
    found = db["users"].find({"_id": {"$in": list(ids)}}, ["email"])
    known: dict[str, str] = {user["_id"]: user["email"] for user in found}
    return {
        row["_id"]: known.get(document_id(row["tenant_id"], row["recipient"])) or str(row["recipient"])
        for row in rows
    }


def resend(db: Database[Any], id: str, act: Act) -> Document:
    """Pending again, at once, under the Message-ID it had. Raises: NoSuchDelivery, NotOpen."""
    again = {
        "state": "pending",
        "due_at": act.at,
        "attempts": 0,
        "resent_at": act.at,
        "resent": {"$ne": [{"$type": "$message_id"}, "missing"]},
    }
    return _decide(db, id, act, "resend", again, gone=("ended_at", "sent_at"))


def settle(db: Database[Any], id: str, state: Settled, act: Act) -> Document:
    """It ended so: somebody has looked. A mail that was sent has failed when it came back.

    Raises: NoSuchDelivery, NotOpen.
    """
    ended: Document = {"state": state, "ended_at": act.at}
    if state == "sent":
        ended["sent_at"] = act.at
        return _decide(db, id, act, "settle", ended)
    return _decide(db, id, act, "settle", ended, gone=("sent_at",), may_bounce=True)


def _decide(
    db: Database[Any],
    id: str,
    act: Act,
    verb: str,
    values: Document,
    *,
    gone: tuple[str, ...] = (),
    may_bounce: bool = False,
) -> Document:
    def work(session: ClientSession) -> Document:
        before = _found(db, session, act, id)
        states = BOUNCES if may_bounce and before["channel"] == "email" else OPEN_TO_PEOPLE
        if before["state"] not in states:
            raise NotOpen(before["state"])
        rows = {"tenant_id": act.tenant_id, "state": {"$in": list(states)}}
        rows |= {"message_id": before["message_id"]} if "message_id" in before else {"_id": before["_id"]}
        line = {"state": values["state"], "at": act.at, "by": act.actor, "reason": act.reason}
        lines = {"$concatArrays": ["$history", [{"$literal": line}]]}
        change: list[Document] = [
            {"$set": values | {"history": {"$slice": [lines, -HISTORY]}}},
            *([{"$unset": list(gone)}] if gone else []),
        ]
        alike = db["deliveries"].update_many(rows | {"_id": {"$ne": before["_id"]}}, change, session=session)
        after: Document | None = db["deliveries"].find_one_and_update(
            rows | {"_id": before["_id"]}, change, return_document=ReturnDocument.AFTER, session=session
        )
        if after is None:
            raise Contention(f"{id} has moved on")
        told = _audited(after) | {"with_it": alike.modified_count}
        audit(db, session, act, f"delivery.{verb}", id, before=_audited(before), after=told)
        return after

    return in_transaction(db, work)


def _found(db: Database[Any], session: ClientSession, act: Act, id: str) -> Document:
    found = db["deliveries"].find_one({"_id": document_id(act.tenant_id, id)}, session=session)
    if found is None:
        raise NoSuchDelivery(id)
    return dict(found)


def _audited(row: Document) -> Document:
    kept = ("about", "step", "kind", "recipient", "channel", "state", "attempts", "error", "message_id")
    return {name: row[name] for name in kept if name in row}
