"""The `commands` collection: one document is acceptance, outbox and idempotency record in one.

State words, and the shape of a fresh command and of its events. The unit of work alone writes verdicts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Protocol

import msgspec
from bson.timestamp import Timestamp

from adapters.mongo.client import Document
from domain.read_ahead import read_ahead
from tasks.command import Spec
from tasks.queues import Queue

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

TargetQueue = tuple[str, str]
"""(tenant id, target): the commands of one target, in the order in which they were accepted."""

Via = Literal["api", "offline", "schedule", "import", "operator", "follow_up"]

FOLLOW_UP: Final = "follow_up"
"""Both where a follow-up comes from and the scope of its key, `<parent>:<step>`."""

AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
"""As `next_at`: due since ever. As `hint_at` (when the relay is to hint): as soon as the accepter's own hint
has had its time. No pod's clock decides either."""

LONGEST_PAUSE = timedelta(minutes=10)
"""Between two tries of a command."""

DUE: Final[Document] = {"state": "accepted", "next_at": AT_ONCE, "hint_at": AT_ONCE}
"""What is on a command that is to run now."""

SERVER_FILLS = Timestamp(0, 0)
"""At the top level of an inserted document the server puts its logical time here (`seq`)."""

LAST: Final[Document] = {"seq": {"$type": "timestamp"}}
"""For `$currentDate`: to the end of its line."""

MAX_DEPTH = 8
HISTORY = 50


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a command came from.

    `occurred_at` is when it happened in the world, as the sender says (offline and imported work);
    `effective_at` the same by the server's reckoning, where the sender's clock needed putting right.
    """

    via: Via
    user_id: str | None = None
    request_id: str | None = None
    traceparent: str | None = None
    device_id: str | None = None
    outbox: str | None = None
    """Whose outbox it came from, `<user>/<device>`; kept by follow-ups, which are no news to that device."""
    lane_seq: int | None = None
    occurred_at: datetime | None = None
    clock_offset_ms: int | None = None
    effective_at: datetime | None = None
    clock_suspect: bool = False
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


class Kind(Protocol):
    """What a command document says of its type."""

    @property
    def type(self) -> str: ...

    @property
    def schema_version(self) -> int: ...

    def blobs(self, payload: Any) -> list[str]: ...


def fresh(
    spec: Kind,
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
    resolves: str | None = None,
    needs: Sequence[str] = (),
) -> Document:
    """A command as it is inserted. `payload` is the JSON object as received, already validated.

    `needs`: the blobs that it names, which are kept for its sake until it has ended.
    """
    document: Document = {
        "_id": id,
        "tenant_id": tenant_id,
        "type": spec.type,
        "schema_version": spec.schema_version,
        "target": target,
        "payload": payload,
        "origin": msgspec.to_builtins(origin, builtin_types=(datetime,)),
        "idempotency": {"scope": key.scope, "key": key.key, "fingerprint": key.fingerprint},
        **DUE,
        "active": True,
        "seq": SERVER_FILLS,
        "attempts": 0,
        "queue": queue,
        "accepted_at": accepted_at,
    }
    if base_version is not None:
        document["base_version"] = base_version
    if resolves is not None:
        document["resolves"] = resolves
    if named := sorted({*needs, *spec.blobs(payload)}):
        document["needs"] = named
    return document


def lane_id(tenant_id: str, outbox: str, target: str) -> str:
    """The `_id` of the document in `lanes` that has the next number of this outbox for this target."""
    return f"{tenant_id}/{outbox}/{target}"


def is_stored(command: Document) -> bool:
    """Whether the server has given it its place; False: it is fresh."""
    return bool(command["seq"] != SERVER_FILLS)


def effective_at(origin: Document, at: datetime) -> datetime:
    """When it happened in the world, never later than `at`; that itself where nobody said otherwise."""
    claimed: datetime = origin.get("effective_at") or origin.get("occurred_at") or at
    return min(claimed, at)


def event(
    command: Document,
    serial: int,
    type: str,
    *,
    at: datetime,
    target: str | None = None,
    version: int | None = None,
    paths: tuple[str, ...] = (),
    was: Document | None = None,
    data: Document | None = None,
) -> Document:
    """One event of a command, about its target unless another is named. `serial` counts on from the command's
    `events`, so an event is written once."""
    origin = command["origin"]
    actor = {name: origin[name] for name in ("via", "user_id", "device_id", "outbox") if name in origin}
    told: Document = {
        "_id": f"{command['_id']}:{serial}",
        "tenant_id": command["tenant_id"],
        "target": target or command["target"],
        "version": version,
        "type": type,
        "command_id": command["_id"],
        "root": origin.get("root", command["_id"]),
        "at": at,
        "effective_at": effective_at(origin, at),
        "actor": actor,
        "paths": list(paths),
        "data": data or {},
    }
    if was:
        told["was"] = was
    return told
