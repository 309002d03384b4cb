"""The commands of a row with their idempotency keys, and the changes of a changed row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from domain.ids import uuid7
from domain.importing.mapping import Field
from domain.importing.row import Fault, Row

UPDATABLE = {
    "title": "title",
    "description": "description",
    "asset": "asset_id",
    "type": "type",
    "priority": "priority",
    "due_at": "due_at",
}
"""Fields that a changed row carries over, with their names in work_order.update."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One command to accept: `at` is its effective time, `key` its idempotency key."""

    key: str
    type: str
    payload: dict[str, Any]
    at: datetime


def row_key(name: str, key: str) -> str:
    """The prefix of all idempotency keys of a row, in one tenant."""
    return f"import:{name}:{key}"


def order_id(tenant_id: str, name: str, row: Row) -> str:
    """The order's id, derived from the row, so that importing it again gives the same order."""
    return uuid7(row.created_at, _noise(tenant_id, row_key(name, row.key)))


def asset_step(tenant_id: str, name: str, at: datetime) -> Step:
    """The create of an asset known by its name alone: one id per tenant and name, whatever the file."""
    key = f"import:asset:{name}"
    id = uuid7(_EPOCH, _noise(tenant_id, key))
    payload = {"id": id, "name": name, "criticality": "medium"}
    return Step(key=key, type="asset.create", payload=payload, at=at)


def history(row: Row, *, prefix: str, id: str, asset_id: str | None, currency: str | None) -> list[Step]:
    """The commands from the order's create to the row's final status, in order."""
    ended = row.completed_at or row.created_at
    steps = [("create", "work_order.create", _created(row, id, asset_id), row.created_at)]
    moves = _moves(row, ended)
    # Booked while the order is open: a closed one takes no more costs.
    booked = len(moves) if row.status in ("in_progress", "requested") else min(len(moves), 1)
    if row.status == "cancelled":
        booked = 0
    if row.cost is not None and Decimal(row.cost):
        cost = {"kind": "other", "amount": row.cost, "currency": currency}
        moves.insert(booked, ("cost", "work_order.cost.add", cost, ended))
    steps += [(name, type, {"work_order_id": id} | more, at) for name, type, more, at in moves]
    return [
        Step(key=f"{prefix}:{name}", type=type, payload=payload, at=at) for name, type, payload, at in steps
    ]


def _created(row: Row, id: str, asset_id: str | None) -> dict[str, Any]:
    optional = {"description": row.description, "asset_id": asset_id, "due_at": _text(row.due_at)}
    payload: dict[str, Any] = {"id": id, "title": row.title, "type": row.type, "priority": row.priority}
    return payload | {name: value for name, value in optional.items() if value is not None}


def _moves(row: Row, ended: datetime) -> list[tuple[str, str, dict[str, Any], datetime]]:
    start = ("start", "work_order.start", dict[str, Any](), row.created_at)
    complete = ("complete", "work_order.complete", dict[str, Any](), ended)
    close = ("close", "work_order.close", dict[str, Any](), ended)
    match row.status:
        case "requested":
            return []
        case "in_progress":
            return [start]
        case "completed":
            return [start, complete]
        case "closed":
            return [start, complete, close]
        case "cancelled":
            return [("cancel", "work_order.cancel", {"reason": "imported as cancelled"}, ended)]


def changed(row: Row, before: Mapping[str, str]) -> list[Field]:
    """The fields whose values differ from the row's earlier import."""
    return [field for field, mark in row.marks.items() if before.get(field) != mark]


def update(
    row: Row, fields: list[Field], *, prefix: str, id: str, asset_id: str | None, revision: int, at: datetime
) -> Step | None:
    """The command that applies these changes; None if none can be applied."""
    values = {
        "title": row.title,
        "description": row.description,
        "asset": asset_id,
        "type": row.type,
        "priority": row.priority,
        "due_at": _text(row.due_at),
    }
    payload = {UPDATABLE[field]: values[field] for field in fields if field in UPDATABLE}
    if not payload:
        return None
    digest = hashlib.sha256(msgspec.json.encode(payload, order="deterministic")).hexdigest()[:16]
    # The revision, because a row may change to and fro, and each time is a change of its own.
    key = f"{prefix}:update:{revision}:{digest}"
    return Step(key=key, type="work_order.update", payload={"work_order_id": id} | payload, at=at)


def notes_on(fields: list[Field], columns: Mapping[Field, str]) -> Iterator[Fault]:
    """The report's entries for a changed row."""
    for field in fields:
        if field in UPDATABLE:
            yield Fault(
                "updated", f"{field} differs from the earlier import: sent as an update", columns[field]
            )
        else:
            message = f"{field} differs from the earlier import: history is not rewritten, change it by hand"
            yield Fault("not_carried_over", message, columns[field])


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None


def _noise(tenant_id: str, key: str) -> bytes:
    return hashlib.sha256(f"{tenant_id}/{key}".encode()).digest()[:10]
