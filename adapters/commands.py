"""The `commands` collection: one document is acceptance, outbox and idempotency record in one.

State words, and the shape of a fresh command and of its events. The unit of work alone writes verdicts.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
from bson.timestamp import Timestamp

from adapters.mongo import Document
from domain.read_ahead import read_ahead
from tasks.command import Spec

State = Literal[
    "accepted",
    "retrying",
    "parked",
    "applied",
    "rejected",
    "conflict",
    "dead",
    "cancelled",
    "discarded",
    "superseded",
]
RUNNABLE: tuple[State, ...] = ("accepted", "retrying")
ACTIVE: tuple[State, ...] = (*RUNNABLE, "parked")
FINAL: tuple[State, ...] = ("applied", "rejected", "conflict", "dead", "cancelled", "discarded", "superseded")

Queue = Literal["interactive", "bulk", "time"]
QUEUES: tuple[Queue, ...] = ("interactive", "bulk", "time")

Via = Literal["api", "offline", "schedule", "import", "operator", "follow_up"]

AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
"""As `next_at`: due since ever. As `hint_at` (when the relay is to hint): as soon as the accepter's own hint
has had its time. No pod's clock decides either."""

SERVER_FILLS = Timestamp(0, 0)
"""At the top level of an inserted document the server puts its logical time here (`seq`)."""

MAX_DEPTH = 8
HISTORY = 50
KEYS_KEPT = timedelta(days=90)


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a command came from. `occurred_at` is the world's time of offline or imported work."""

    via: Via
    user_id: str | None = None
    request_id: str | None = None
    traceparent: str | None = None
    device_id: str | None = None
    lane_seq: int | None = None
    occurred_at: datetime | None = None
    parent: str | None = None
    depth: int = 0
    root: str | None = None
    """A follow-up's first ancestor, so that one timeline can join them."""


read_ahead(Origin)


class Key(msgspec.Struct, frozen=True):
    """The idempotency record. Scope is the user, not the route: an online POST whose answer was lost comes
    back through an offline replay."""

    scope: str
    key: str
    fingerprint: str


def fingerprint(type: str, payload: Any, base_version: int | None) -> str:
    """SHA-256 over type, canonical JSON as received, and base version."""
    canonical = msgspec.json.encode([type, payload, base_version], order="deterministic")
    return hashlib.sha256(canonical).hexdigest()


def target_of(spec: Spec, entity_id: str) -> str:
    return f"{spec.kind}:{entity_id}"


def fresh(
    spec: Spec,
    *,
    id: str,
    tenant_id: str,
    target: str,
    payload: Document,
    origin: Origin,
    key: Key,
    accepted_at: datetime,
    queue: Queue = "interactive",
    base_version: int | None = None,
) -> Document:
    """A command as it is inserted. `payload` is the JSON object as received, already validated."""
    document: Document = {
        "_id": id,
        "tenant_id": tenant_id,
        "type": spec.type,
        "schema_version": spec.schema_version,
        "target": target,
        "payload": payload,
        "origin": msgspec.to_builtins(origin, builtin_types=(datetime,)),
        "idempotency": {"scope": key.scope, "key": key.key, "fingerprint": key.fingerprint},
        "state": "accepted",
        "active": True,
        "seq": SERVER_FILLS,
        "next_at": AT_ONCE,
        "hint_at": AT_ONCE,
        "attempts": 0,
        "queue": queue,
        "accepted_at": accepted_at,
    }
    if base_version is not None:
        document["base_version"] = base_version
    return document


def event(
    command: Document,
    serial: int,
    type: str,
    *,
    at: datetime,
    version: int | None = None,
    paths: tuple[str, ...] = (),
    data: Document | None = None,
) -> Document:
    """One event of a command. `serial` counts on from the command's `events`, so an event is written once."""
    origin = command["origin"]
    actor = {name: origin[name] for name in ("via", "user_id", "device_id") if name in origin}
    return {
        "_id": f"{command['_id']}:{serial}",
        "tenant_id": command["tenant_id"],
        "target": command["target"],
        "version": version,
        "type": type,
        "command_id": command["_id"],
        "root": origin.get("root", command["_id"]),
        "at": at,
        "effective_at": min(origin.get("occurred_at", at), at),
        "actor": actor,
        "paths": list(paths),
        "data": data or {},
    }
