"""Documents as the workers would have left them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pymongo.database import Database

from tests.api.people import new_id

START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def put(store: Database[Any], collection: str, tenant_id: str, **fields: Any) -> dict[str, Any]:
    """One entity, version 1 unless it says otherwise."""
    id = fields.pop("id", None) or new_id()
    head = {"_id": f"{tenant_id}/{id}", "tenant_id": tenant_id, "id": id, "version": 1, "schema_version": 1}
    document = head | {"created_at": START, "updated_at": START} | fields
    store[collection].insert_one(document)
    return document


def order(store: Database[Any], tenant_id: str, n: int, **fields: Any) -> dict[str, Any]:
    """The n-th work order: made n minutes after START."""
    known: dict[str, Any] = {
        "number": f"WO-{n:06d}",
        "title": f"Order {n}",
        "description": None,
        "status": "requested",
        "type": "corrective",
        "priority": "medium",
        "asset_id": None,
        "due_at": None,
        "assignee_ids": [],
        "team_id": None,
        "parts": [],
        "cost_total": Decimal(0),
        "currency": None,
        "created_at": START + timedelta(minutes=n),
    }
    return put(store, "work_orders", tenant_id, **known | fields)


def row(store: Database[Any], order: dict[str, Any], kind: str, **fields: Any) -> str:
    """One row of an order's ledger."""
    id = new_id()
    head = {"_id": f"{order['tenant_id']}/{id}", "tenant_id": order["tenant_id"], "id": id, "kind": kind}
    owner = {"target": f"work_order:{order['id']}", "at": START, "by": None, "voided": None}
    store["entries"].insert_one(head | owner | fields)
    return id
