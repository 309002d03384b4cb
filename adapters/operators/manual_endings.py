"""Endings by hand: cancelling, discarding, superseding. Whoever is first, the worker or the person, wins."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.commands import waiters
from adapters.commands.document import State, TargetQueue
from adapters.commands.verdict_updates import verdict_update
from adapters.commands.verdicts import ended_by_hand
from adapters.mongo.client import Contention, Document
from adapters.mongo.transactions import in_transaction
from adapters.operators.audit import Act, audit, audited, write_event
from adapters.operators.outcomes import Outcome


class TooLate(Exception):
    """The command is final already; `document` is how it is."""

    def __init__(self, document: Document) -> None:
        super().__init__(f"the command is {document['state']} already")
        self.document = document


class ReasonNeeded(Exception):
    """Somebody else's command is not cancelled without saying why."""

    def __init__(self) -> None:
        super().__init__("cancelling what somebody else asked for needs a reason")


def end(
    db: Database[Any],
    session: ClientSession,
    command: Document,
    state: State,
    act: Act,
    *,
    keys_kept: timedelta,
) -> tuple[Document, list[TargetQueue]]:
    """Write an ending by hand, with its event, and wake who waited for it. Inside the caller's transaction.

    Returns the command as it is then and the lines that have something due. Raises: Contention: it has
    moved on.
    """
    change = verdict_update(ended_by_hand(command, state), now=act.at, keys_kept=keys_kept)
    change["$set"]["events"] = write_event(db, session, command, f"command.{state}", act)
    after = db["commands"].find_one_and_update(
        {"_id": command["_id"], "state": command["state"]},
        change,
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    if after is None:
        raise Contention(f"{command['_id']} is no longer {command['state']}")
    woken = waiters.release(db, session, [command])
    # Its own line may have waited behind it.
    return after, [(command["tenant_id"], command["target"]), *woken]


def cancel(db: Database[Any], command_id: str, act: Act, *, keys_kept: timedelta) -> Outcome | None:
    """What the act left, the cancelled command first; None: no such command in the tenant.

    Cancelling what somebody else asked for is an operator's act: it needs a reason and leaves an audit row.
    Raises: TooLate, ReasonNeeded.
    """

    def work(session: ClientSession) -> Outcome | None:
        command = db["commands"].find_one({"_id": command_id, "tenant_id": act.tenant_id}, session=session)
        if command is None:
            return None
        if not command.get("active"):
            raise TooLate(command)
        is_authors = act.user_id is not None and command["origin"].get("user_id") == act.user_id
        if not is_authors and not act.reason:
            raise ReasonNeeded
        after, targets = end(db, session, command, "cancelled", act, keys_kept=keys_kept)
        if not is_authors:
            audit(
                db,
                session,
                act,
                "command.cancel",
                command_id,
                before=audited(command),
                after=audited(after),
            )
        return Outcome(command=after, targets=targets, ended=[(command["type"], "cancelled")])

    return in_transaction(db, work)
