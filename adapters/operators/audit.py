"""What a person does to a command or to the system by hand: one transaction, with its audit row in it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.commands.document import event
from adapters.commands.secrets import masked
from adapters.mongo.client import Document, document_id


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Who does something, when, why. `id` is the audit row's. `via`: api, cli, or
    offline (a device's choice)."""

    id: str
    tenant_id: str
    user_id: str | None
    via: str
    reason: str
    at: datetime
    request_id: str | None = None
    name: str | None = None
    """Who sits at the command line, where no user of ours is named."""

    @property
    def actor(self) -> Document:
        return {
            name: value for name in ("via", "user_id", "name") if (value := getattr(self, name)) is not None
        }


_AUDITED = (
    "type",
    "target",
    "state",
    "attempts",
    "payload",
    "base_version",
    "error",
    "superseded_by",
    "new_payload",
)


def audited(command: Document) -> Document:
    """A command as the audit trail keeps it."""
    return masked({name: command[name] for name in _AUDITED if name in command})


def audit(
    db: Database[Any],
    session: ClientSession,
    act: Act,
    what: str,
    subject: str,
    *,
    before: Document,
    after: Document,
) -> None:
    """The audit row of this act, in the act's own transaction."""
    row: Document = {
        "_id": document_id(act.tenant_id, act.id),
        "tenant_id": act.tenant_id,
        "id": act.id,
        "at": act.at,
        "actor": act.actor,
        "act": what,
        "subject": subject,
        "reason": act.reason,
        "before": before,
        "after": after,
    }
    if act.request_id:
        row["request_id"] = act.request_id
    db["operator_actions"].insert_one(row, session=session)


def write_event(db: Database[Any], session: ClientSession, command: Document, name: str, act: Act) -> int:
    """An event of the command by whoever acts. Returns how many events the command has with it."""
    serial: int = command.get("events", 0)
    written = event(command, serial, name, at=act.at, data={"reason": act.reason} if act.reason else {})
    db["events"].insert_one(written | {"actor": act.actor}, session=session)
    return serial + 1
