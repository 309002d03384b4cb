"""What a person decides: on a conflict, or on work done offline that waits for a review.

Each is a compare-and-set on what is open, with its event, and with an audit row where somebody decides on
what another did. Whoever was parked behind it goes on, in the order of its lane.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.commands import waiters
from adapters.commands.document import TargetQueue
from adapters.commands.verdicts import Resolution, runs_again
from adapters.mongo.client import Contention, Document
from adapters.mongo.transactions import in_transaction
from adapters.operators.audit import Act, audit, audited, write_event
from adapters.operators.manual_endings import end
from adapters.operators.outcomes import Outcome

CONFLICT = "conflict"
REVIEW = "review"

Choice = Literal["take_server", "send_to_planner", "approve", "reject"]
Reapply = Literal["reapply"]
"""Settles a conflict too, but is a command of its own, which takes the conflict's place."""


class Way(NamedTuple):
    """What a choice is a decision on, what its event is called where it has one of its own, and by which
    action a device makes it."""

    of: str
    event: str = ""
    action: str | None = None


WAYS: Mapping[Choice | Reapply, Way] = {
    "take_server": Way(CONFLICT, "command.given_up", "conflict.take_server"),
    "reapply": Way(CONFLICT),
    "send_to_planner": Way(CONFLICT, "command.sent_to_planner", "conflict.send_to_planner"),
    "approve": Way(REVIEW, "command.approved"),
    "reject": Way(REVIEW, "command.cancelled"),
}

ALLOWED = tuple(choice for choice, way in WAYS.items() if way.of == CONFLICT)
"""What its author may choose of a conflict."""

CHOICES: Mapping[str, Choice] = {
    way.action: choice for choice, way in WAYS.items() if way.action and choice != "reapply"
}
"""What a device may choose without a command, by the type of its action."""


class NothingToDecide(Exception):
    """It is not open, or was never a matter for a person; `state` is what it is, None: there is none."""

    def __init__(self, state: str | None) -> None:
        super().__init__(
            f"it is {state}: there is nothing to decide" if state else "there is no such conflict"
        )
        self.state = state


def decide(db: Database[Any], command_id: str, act: Act, choice: Choice, *, keys_kept: timedelta) -> Outcome:
    """What the decision left: the command as it is then. Raises: NothingToDecide."""

    def work(session: ClientSession) -> Outcome:
        query = {"_id": command_id, "tenant_id": act.tenant_id}
        before = db["commands"].find_one(query, session=session)
        targets = settle(db, session, command_id, act, choice, keys_kept=keys_kept)
        after: Document = db["commands"].find_one(query, session=session) or {}
        if before is not None and before["origin"].get("user_id") != act.user_id:
            seen = {"before": audited(before), "after": audited(after)}
            audit(db, session, act, f"offline.{choice}", command_id, **seen)
        ended = [(after["type"], after["state"])] if choice == "reject" else []
        return Outcome(command=after, targets=targets, ended=ended)

    return in_transaction(db, work)


def vouch_for_reapplying(db: Database[Any], command: Document, act: Act, payload: Document) -> None:
    """The audit row of somebody who says another's command again; before it, so that none is without."""

    def work(session: ClientSession) -> None:
        before = audited(command)
        after = before | {"new_payload": payload}
        audit(db, session, act, "offline.reapply", command["_id"], before=before, after=after)

    in_transaction(db, work)


def settle(
    db: Database[Any],
    session: ClientSession,
    command_id: str,
    act: Act,
    choice: Choice,
    *,
    keys_kept: timedelta,
) -> list[TargetQueue]:
    """As `decide`, inside the caller's transaction and without the audit row."""
    query = {"_id": command_id, "tenant_id": act.tenant_id}
    command = db["commands"].find_one(query, session=session)
    if command is None or command.get("inbox") != WAYS[choice].of:
        raise NothingToDecide(command["state"] if command else None)
    if choice == "reject":
        _, lines = end(db, session, command, "cancelled", act, keys_kept=keys_kept)
        return lines
    events = write_event(db, session, command, WAYS[choice].event, act)
    if choice == "approve":
        return _approve(db, session, command, act, events)
    db["commands"].update_one(query, {"$set": {"events": events}}, session=session)
    if choice == "send_to_planner":
        db["commands"].update_one(query, {"$set": {"for_planner": True}}, session=session)
        return []
    made = Resolution(command_id=command_id, choice=choice, by=act.actor, reason=act.reason or None)
    return waiters.resolve(db, session, [made], now=act.at, keys_kept=keys_kept)


def _approve(
    db: Database[Any], session: ClientSession, command: Document, act: Act, events: int
) -> list[TargetQueue]:
    """It runs again, as its author with the leave of whoever approved; who waits behind it still does."""
    change = runs_again(command, at=act.at, by=act.actor, reason=act.reason)
    change["$set"] |= {"vouched_by": act.user_id, "events": events}
    after = db["commands"].find_one_and_update(
        {"_id": command["_id"], "state": "parked", "inbox": REVIEW},
        change,
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    if after is None:
        raise Contention(f"{command['_id']} has moved on")
    return [(command["tenant_id"], command["target"])]
