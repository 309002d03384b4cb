"""What is written on rows of the ledger that a courier holds.

Each is a compare-and-set on state and token, by the server's time, so that a late worker changes nothing.
Text from outside goes in as a literal only: in a pipeline a `$` at its beginning would be a field.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pymongo import UpdateMany

from adapters.delivery.ledger import State, told
from adapters.delivery.outcomes import Again, Down, Failed, Later, Outcome, Sent, Trouble, Uncertain
from adapters.mongo.client import Document

MOST_ATTEMPTS = {"in_app": 1, "email": 8, "webhook": 12}
WAITED_FOR = timedelta(days=3)
"""From when the row was written, or a person sent it again. Then it fails, and is seen: an event that arrives
weeks late does more harm."""

HISTORY = 20

_UNCOUNTED: Document = {"attempts": {"$subtract": ["$attempts", 1]}}
UNCLAIMED: Document = {"$unset": ["claimed_by", "claimed_until"]}


def ending(
    rows: Sequence[Document], outcome: Outcome, token: str, *, after: timedelta | None = None
) -> UpdateMany:
    """What this outcome writes on the rows of one message. `after`: when to try again, where the outcome
    leaves it open."""
    mine = {"_id": {"$in": [row["_id"] for row in rows]}, "state": "sending", "claimed_by": token}
    return UpdateMany(mine, ended(outcome, after=after))


def state_of(outcome: Outcome) -> State:
    """Where the rows of one message go."""
    match outcome:
        case Sent():
            return "sent"
        case Failed():
            return "failed"
        case Uncertain():
            return "uncertain"
        case _:
            return "pending"


def ended(outcome: Outcome, *, after: timedelta | None = None) -> list[Document]:
    """The update for rows that are `sending`."""
    match outcome:
        case Sent():
            return _final("sent", None, {"sent_at": "$$NOW"})
        case Failed(error):
            return _final("failed", error, {})
        case Uncertain(error):
            return _final("uncertain", error, {})
        case Down(error):
            return _back(error, timedelta(), _UNCOUNTED)
        case Later(error, pause):
            return _back(error, pause, _UNCOUNTED)
    wait = outcome.after if outcome.after is not None else after
    return _back(outcome.error, wait or timedelta(), {})


def released(rows: Sequence[Document], token: str, error: Trouble | None = None) -> UpdateMany:
    """Claimed rows that nobody has begun go back as they were."""
    mine = {"_id": {"$in": [row["_id"] for row in rows]}, "state": "pending", "claimed_by": token}
    to_set: Document = {"error": {"$literal": told(error)}} if error else {"claimed_by": "$$REMOVE"}
    return UpdateMany(mine, [{"$set": to_set}, UNCLAIMED])


def cancelled(rows: Sequence[Document], token: str, error: Trouble) -> UpdateMany:
    """Claimed rows that are no longer to be sent, with the reason."""
    mine = {"_id": {"$in": [row["_id"] for row in rows]}, "state": "pending", "claimed_by": token}
    return UpdateMany(mine, _final("cancelled", error, {}))


def postponed(rows: Sequence[Document], token: str, until: datetime, code: str) -> UpdateMany:
    """Claimed rows that are to be sent later."""
    mine = {"_id": {"$in": [row["_id"] for row in rows]}, "state": "pending", "claimed_by": token}
    return UpdateMany(mine, [{"$set": moved("pending", {"due_at": until}, code)}, UNCLAIMED])


def given_up(outcome: Outcome, rows: Sequence[Document], now: datetime) -> Outcome:
    """The outcome, or `Failed` after the last of MOST_ATTEMPTS, or when it was WAITED_FOR in vain."""
    match outcome:
        case Again(error) if max(row["attempts"] for row in rows) >= MOST_ATTEMPTS[rows[0]["channel"]]:
            return Failed(error)
        case Later(error) if now - max(map(_begun, rows)) >= WAITED_FOR:
            return Failed(error)
    return outcome


def _begun(row: Document) -> datetime:
    """Since when it is tried."""
    at: datetime = row.get("resent_at") or row["created_at"]
    return at


def _final(state: State, error: Trouble | None, more: Document) -> list[Document]:
    values = more | {"ended_at": "$$NOW", "error": {"$literal": told(error)} if error else "$$REMOVE"}
    return [{"$set": moved(state, values, error.code if error else None)}, UNCLAIMED]


def _back(error: Trouble, after: timedelta, more: Document) -> list[Document]:
    # Nothing was taken under that Message-ID, so what is due then may be told in one message; but one that a
    # person sends again stays what it was.
    kept = {"$cond": [{"$ifNull": ["$resent", False]}, "$message_id", "$$REMOVE"]}
    values = more | {
        "due_at": from_now(after),
        "error": {"$literal": told(error)},
        "message_id": kept,
    }
    return [{"$set": moved("pending", values, error.code)}, UNCLAIMED]


def moved(state: State, values: Document, code: str | None = None) -> Document:
    """`values`, the state, and its line in the history. Text from outside goes in as a literal only."""
    line: Document = {"state": state, "at": "$$NOW"}
    if code:
        line["code"] = {"$literal": code}
    lines = {"$concatArrays": [{"$ifNull": ["$history", []]}, [line]]}
    return values | {"state": state, "history": {"$slice": [lines, -HISTORY]}}


SET_BACK = timedelta(seconds=1)
"""A claim that ends so much later than one taken now would was taken by a clock that was set back since."""


def is_free(until: str, claim: timedelta) -> Document:
    """Whether nobody holds the row, as an expression: no claim in the field `until`, or one that is over."""
    ends: Document = {"$ifNull": [f"${until}", 0]}
    return {"$or": [{"$lte": [ends, "$$NOW"]}, {"$gt": [ends, from_now(claim + SET_BACK)]}]}


def from_now(span: timedelta) -> Document:
    return {"$add": ["$$NOW", span // timedelta(milliseconds=1)]}
