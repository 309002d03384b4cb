"""The commands of a demo's first start: ordinary ones, each accepted once, with stable ids."""

import hashlib
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
from pymongo.database import Database

from adapters.commands.acceptance import accept_many
from adapters.commands.document import Key, Origin, fingerprint, fresh, target_of
from adapters.process.clock import Clock
from domain.ids import uuid7
from tasks.catalogue import catalogue

Document = dict[str, Any]

_BORN = datetime(2026, 1, 1, tzinfo=UTC)


def accept_once(
    db: Database[Document],
    user: Document,
    name: str,
    commands: Iterable[tuple[str, Document]],
    clock: Clock,
) -> bool:
    """Accepts the commands as this user's, unless commands of that name were accepted before: then False."""
    rows = list(commands)
    first = {"tenant_id": user["tenant_id"], "idempotency.key": _key(name, 0, rows[0][0])}
    if db.commands.count_documents(first, limit=1):
        return False
    documents = [
        _command(user, _key(name, place, type), type, payload, clock)
        for place, (type, payload) in enumerate(rows)
    ]
    accept_many(db.commands, documents)
    return True


def user_of(db: Database[Document], email: str) -> Document:
    """The demo's user of that login."""
    login = db.logins.find_one({"_id": email})
    user = db.users.find_one({"_id": f"{login['tenant_id']}/{login['user_id']}"}) if login else None
    assert user is not None, "the demo's tenants come first"
    return user


def id_of(name: str) -> str:
    """The same thing has the same id in every demo."""
    return uuid7(_BORN, hashlib.sha256(f"demo:{name}".encode()).digest())


def _key(name: str, place: int, type: str) -> str:
    return f"{name}-{place:02d}-{type}"


def _command(user: Document, key: str, type: str, payload: Document, clock: Clock) -> Document:
    spec = catalogue()[type]
    id = spec.target_id(msgspec.convert(payload, spec.payload), user["id"])
    assert id is not None, "the demo names all that it makes"
    return fresh(
        spec,
        id=uuid7(clock.now(), os.urandom(10)),
        tenant_id=user["tenant_id"],
        target=target_of(spec, id),
        payload=payload,
        origin=Origin(via="api", user_id=user["id"], request_id="demo"),
        key=Key(user["id"], key, fingerprint(type, payload, None)),
        accepted_at=clock.now(),
    )
