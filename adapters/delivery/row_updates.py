"""The updates of ledger rows that a courier has claimed.

Each is a compare-and-set on state and token, in server time, so that a late worker changes nothing. External
text is always a literal: in a pipeline, a leading `$` would make it a field path.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pymongo import UpdateMany

from adapters.delivery.ledger import State, error_document
from adapters.delivery.outcomes import Again, Down, Failed, Later, Outcome, Sent, Trouble, Uncertain
from adapters.mongo.client import Document

MOST_ATTEMPTS = {"in_app": 1, "email": 8, "webhook": 12}
GIVE_UP_AFTER = timedelta(days=3)
"""How long a row is retried after it was written or sent again by an operator. It then fails visibly: an
event that arrives weeks late does more harm."""

HISTORY = 20

_UNCOUNTED: Document = {"attempts": {"$subtract": ["$attempts", 1]}}
UNCLAIMED: Document = {"$unset": ["claimed_by", "claimed_until"]}


def end_update(
    rows: Sequence[Document], outcome: Outcome, token: str, *, after: timedelta | None = None
) -> UpdateMany:
    """The update for the rows of one message after this outcome. `after`: the wait before a retry, if the
    outcome has none."""
    mine = {"_id": {"$in": [row["_id"] for row in rows]}, "state": "sending", "claimed_by": token}
    return UpdateMany(mine, outcome_update(outcome, after=after))


def state_of(outcome: Outcome) -> State:
    """The state of rows after this outcome."""
    match outcome:
        case Sent():
            return "sent"
        case Failed():
            return "failed"
        case Uncertain():
            return "uncertain"
        case _:
            return "pending"


def outcome_update(outcome: Outcome, *, after: timedelta | None = None) -> list[Document]:
    """The update pipeline for `sending` rows after this outcome."""
    match outcome:
        case Sent():
            return _final("sent", None, {"sent_at": "$$NOW"})
        case Failed(error):
            return _final("failed", error, {})
        case Uncertain(error):
            return _final("uncertain", error, {})
        case Down(error):
            return _retry(error, timedelta(), _UNCOUNTED)
        case Later(error, pause):
            return _retry(error, pause, _UNCOUNTED)
    wait = outcome.after if outcome.after is not None else after
    return _retry(outcome.error, wait or timedelta(), {})


def release_update(rows: Sequence[Document], token: str, error: Trouble | None = None) -> UpdateMany:
    """The update that releases the claim on rows not started."""
    mine = {"_id": {"$in": [row["_id"] for row in rows]}, "state": "pending", "claimed_by": token}
    to_set: Document = {"error": {"$literal": error_document(error)}} if error else {"claimed_by": "$$REMOVE"}
    return UpdateMany(mine, [{"$set": to_set}, UNCLAIMED])


def cancel_update(rows: Sequence[Document], token: str, error: Trouble) -> UpdateMany:
    """The update that cancels claimed rows, with the reason."""
    mine = {"_id": {"$in": [row["_id"] for row in rows]}, "state": "pending", "claimed_by": token}
    return UpdateMany(mine, _final("cancelled", error, {}))


def postpone_update(rows: Sequence[Document], token: str, until: datetime, code: str) -> UpdateMany:
    """The update that postpones claimed rows."""
    mine = {"_id": {"$in": [row["_id"] for row in rows]}, "state": "pending", "claimed_by": token}
    return UpdateMany(mine, [{"$set": state_change("pending", {"due_at": until}, code)}, UNCLAIMED])


def final_outcome(outcome: Outcome, rows: Sequence[Document], now: datetime) -> Outcome:
    """The outcome; `Failed` after MOST_ATTEMPTS, or after GIVE_UP_AFTER."""
    match outcome:
        case Again(error) if max(row["attempts"] for row in rows) >= MOST_ATTEMPTS[rows[0]["channel"]]:
            return Failed(error)
        case Later(error) if now - max(map(_tried_since, rows)) >= GIVE_UP_AFTER:
            return Failed(error)
    return outcome


def _tried_since(row: Document) -> datetime:
    """When the attempts started."""
    at: datetime = row.get("resent_at") or row["created_at"]
    return at


def _final(state: State, error: Trouble | None, more: Document) -> list[Document]:
    values = more | {
        "ended_at": "$$NOW",
        "error": {"$literal": error_document(error)} if error else "$$REMOVE",
    }
    return [{"$set": state_change(state, values, error.code if error else None)}, UNCLAIMED]


def _retry(error: Trouble, after: timedelta, more: Document) -> list[Document]:
    # The receiver took nothing with that Message-ID, so the rows due next may form another message. A message
    # that an operator sends again keeps its rows and id.
    message_id = {"$cond": [{"$ifNull": ["$resent", False]}, "$message_id", "$$REMOVE"]}
    values = more | {
        "due_at": from_now(after),
        "error": {"$literal": error_document(error)},
        "message_id": message_id,
    }
    return [{"$set": state_change("pending", values, error.code)}, UNCLAIMED]


def state_change(state: State, values: Document, code: str | None = None) -> Document:
    """The values to set for a change to this state, with its entry in the history."""
    entry: Document = {"state": state, "at": "$$NOW"}
    if code:
        entry["code"] = {"$literal": code}
    history = {"$concatArrays": [{"$ifNull": ["$history", []]}, [entry]]}
    return values | {"state": state, "history": {"$slice": [history, -HISTORY]}}


SET_BACK = timedelta(seconds=1)
"""A claim that ends so much later than one taken now would was taken by a clock that was set back since."""


def is_free(until: str, claim: timedelta) -> Document:
    """An aggregation expression: whether the row is unclaimed, or its claim in the field `until` has
    expired."""
    ends: Document = {"$ifNull": [f"${until}", 0]}
    return {"$or": [{"$lte": [ends, "$$NOW"]}, {"$gt": [ends, from_now(claim + SET_BACK)]}]}


def from_now(span: timedelta) -> Document:
    """An aggregation expression: the server's time plus `span`."""
    return {"$add": ["$$NOW", span // timedelta(milliseconds=1)]}
