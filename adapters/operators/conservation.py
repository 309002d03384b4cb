"""Every accepted command is final or active: counted now, per tenant and type."""

from __future__ import annotations

from typing import Any

import msgspec
from pymongo.database import Database

from adapters.commands.document import ACTIVE, FINAL, State
from adapters.mongo.client import Document


class Row(msgspec.Struct, kw_only=True):
    """The commands of a type, counted. Not `balanced`: one is neither active nor final (a state that is
    active without the mark, or final with it)."""

    tenant_id: str
    type: str
    accepted: int = 0
    active: int = 0
    final: int = 0
    states: dict[State, int] = {}
    balanced: bool = True

    def add(self, state: State, count: int, *, is_active: bool) -> None:
        self.accepted += count
        self.active += count if is_active and state in ACTIVE else 0
        self.final += count if not is_active and state in FINAL else 0
        self.states[state] = self.states.get(state, 0) + count
        self.balanced = self.accepted == self.active + self.final


def conservation(db: Database[Any], tenant_id: str | None) -> list[Row]:
    """By tenant and type; without a tenant, of all."""
    pipeline: list[Document] = [
        {"$match": {"tenant_id": tenant_id} if tenant_id is not None else {}},
        {
            "$group": {
                "_id": {
                    "tenant_id": "$tenant_id",
                    "type": "$type",
                    "state": "$state",
                    "active": {"$eq": ["$active", True]},
                },
                "count": {"$sum": 1},
            }
        },
    ]
    rows: dict[tuple[str, str], Row] = {}
    for group in db["commands"].aggregate(pipeline):
        key, count = group["_id"], group["count"]
        of = key["tenant_id"], key["type"]
        row = rows.setdefault(of, Row(tenant_id=of[0], type=of[1]))
        row.add(key["state"], count, is_active=key["active"])
    return [row for _, row in sorted(rows.items(), key=lambda known: known[0])]
