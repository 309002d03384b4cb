"""Dead letters: what failed for a reason that is ours, waiting for a person to replay or discard it.

One state at a time: every act is a compare-and-set on `dead`, with its event and audit row in
the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.commands.document import Key, Origin, fingerprint, fresh
from adapters.commands.verdicts import runs_again
from adapters.mongo.client import Contention, Document
from adapters.mongo.transactions import in_transaction
from adapters.operators.audit import Act, audit, audited, write_event
from adapters.operators.edits import revalidated
from adapters.operators.manual_endings import end
from adapters.operators.outcomes import Outcome
from tasks.catalogue import Catalogue
from tasks.command import Spec

REPLAY = "ops.replay"


class NoSuchCommand(Exception):
    """The tenant has no command of that id."""


class NotDead(Exception):
    """Somebody decided on it before, or it never died."""

    def __init__(self, state: str) -> None:
        super().__init__(f"the command is {state}, not dead")
        self.state = state


class NotEditable(Exception):
    """A command that no client may send, or of a type unknown here, takes no payload from a client."""

    def __init__(self, type: str) -> None:
        super().__init__(f"{type} can be replayed as it was, or discarded")


class NotAllowed(Exception):
    """Whoever speaks lacks `permission`."""

    def __init__(self, permission: str) -> None:
        super().__init__(f"this needs the permission {permission}")
        self.permission = permission


class Edit(msgspec.Struct, frozen=True):
    """A payload in place of the dead one's, which has been checked."""

    spec: Spec
    payload: Document
    new_id: str


def edit(
    command: Document, payload: Any, *, catalogue: Catalogue, may: Callable[[str], bool], new_id: str
) -> Edit:
    """Another payload for this dead command, checked as on acceptance; the operator needs both permissions.

    Raises: NotEditable, NotAllowed; what `revalidated` raises.
    """
    spec = catalogue.get(command["type"])
    if spec is None or spec.internal:
        raise NotEditable(command["type"])
    for permission in (REPLAY, spec.permission):
        if permission is not None and not may(permission):
            raise NotAllowed(permission)
    revalidated(spec, payload, command["target"], user_id=command["origin"].get("user_id"))
    return Edit(spec, payload, new_id)


def listed(
    db: Database[Any], tenant_id: str | None, *, limit: int, before: str | None = None
) -> list[Document]:
    """Newest first; `before` is the id of the last one seen. Without a tenant: of all (command line only)."""
    query: Document = {"state": "dead"}
    if tenant_id is not None:
        query["tenant_id"] = tenant_id
    if before is not None:
        query["_id"] = {"$lt": before}
    return list(db["commands"].find(query).sort("_id", -1).limit(limit))


def show(db: Database[Any], tenant_id: str | None, command_id: str) -> Document:
    """The whole command, traceback and all. Raises: NoSuchCommand, NotDead."""
    found = db["commands"].find_one({"_id": command_id} | ({"tenant_id": tenant_id} if tenant_id else {}))
    if found is None:
        raise NoSuchCommand(command_id)
    if found["state"] != "dead":
        raise NotDead(found["state"])
    return dict(found)


def replay(db: Database[Any], command_id: str, act: Act) -> Outcome:
    """Back to the end of its line, as it was. Its base is the version at its death, so that it meets what
    came later as a conflict instead of overwriting it. Raises: NoSuchCommand, NotDead.
    """

    def work(session: ClientSession) -> Outcome:
        command = _dead(db, session, act, command_id)
        change = runs_again(command, at=act.at, by=act.actor, reason=act.reason)
        change["$set"]["events"] = write_event(db, session, command, "command.replayed", act)
        query = {"_id": command_id, "state": "dead"}
        after: Document = db["commands"].find_one_and_update(
            query, change, return_document=ReturnDocument.AFTER, session=session
        ) or _gone(command)
        _audit(db, session, act, "replay", command, after)
        return Outcome(command=after, targets=[(act.tenant_id, command["target"])])

    return in_transaction(db, work)


def replay_edited(
    db: Database[Any], command_id: str, act: Act, edit: Edit, *, keys_kept: timedelta
) -> Outcome:
    """A new command by the operator with another payload; the dead one is superseded.

    Raises: NoSuchCommand, NotDead.
    """

    def work(session: ClientSession) -> Outcome:
        command = _dead(db, session, act, command_id)
        new = _edited(command, act, edit)
        db["commands"].insert_one(new, session=session)
        # After the insert: who waited behind a dead create finds the new one on its way.
        after, targets = end(db, session, command, "superseded", act, keys_kept=keys_kept)
        seen = after | {"superseded_by": new["_id"], "new_payload": edit.payload}
        _audit(db, session, act, "replay_edited", command, seen)
        return Outcome(
            command=new, targets=targets, accepted=[new["type"]], ended=[(command["type"], "superseded")]
        )

    return in_transaction(db, work)


def discard(db: Database[Any], command_id: str, act: Act, *, keys_kept: timedelta) -> Outcome:
    """Given up for good; what waited for it is decided without it. Raises: NoSuchCommand, NotDead."""

    def work(session: ClientSession) -> Outcome:
        command = _dead(db, session, act, command_id)
        after, targets = end(db, session, command, "discarded", act, keys_kept=keys_kept)
        _audit(db, session, act, "discard", command, after)
        return Outcome(command=after, targets=targets, ended=[(command["type"], "discarded")])

    return in_transaction(db, work)


def _dead(db: Database[Any], session: ClientSession, act: Act, command_id: str) -> Document:
    found = db["commands"].find_one({"_id": command_id, "tenant_id": act.tenant_id}, session=session)
    if found is None:
        raise NoSuchCommand(command_id)
    if found["state"] != "dead":
        raise NotDead(found["state"])
    return dict(found)


def _edited(command: Document, act: Act, edit: Edit) -> Document:
    base_version = command.get("died_at_version", command.get("base_version"))
    old = command["origin"]
    return fresh(
        edit.spec,
        id=edit.new_id,
        tenant_id=act.tenant_id,
        target=command["target"],
        payload=edit.payload,
        origin=Origin(
            via="operator",
            user_id=act.user_id,
            request_id=act.request_id,
            traceparent=old.get("traceparent"),
            occurred_at=old.get("occurred_at"),
            effective_at=old.get("effective_at"),
            parent=command["_id"],
            root=old.get("root", command["_id"]),
        ),
        key=Key(
            "operator", f"edited:{command['_id']}", fingerprint(edit.spec.type, edit.payload, base_version)
        ),
        accepted_at=act.at,
        queue=command["queue"],
        base_version=base_version,
        resolves=command.get("resolves"),
    )


def _audit(
    db: Database[Any], session: ClientSession, act: Act, verb: str, before: Document, after: Document
) -> None:
    told = audited(before), audited(after)
    audit(db, session, act, f"dead_letter.{verb}", before["_id"], before=told[0], after=told[1])


def _gone(command: Document) -> Document:
    raise Contention(f"{command['_id']} has moved on")
