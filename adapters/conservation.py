"""Every accepted command is final or active: counted now, per tenant and type."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from adapters.commands import ACTIVE, FINAL
from adapters.mongo import Document


def conservation(db: Database[Any], tenant_id: str | None) -> list[Document]:
    """Rows {tenant_id, type, accepted, active, final, states, balanced}; without a tenant, of all.

    `balanced` fails when a command is neither (a state that is active without the mark, or final with it).
    """
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
    rows: dict[tuple[str, str], Document] = {}
    for group in db["commands"].aggregate(pipeline):
        key, count = group["_id"], group["count"]
        row = rows.setdefault(
            (key["tenant_id"], key["type"]),
            {"accepted": 0, "active": 0, "final": 0, "states": {}},
        )
        row["accepted"] += count
        row["active"] += count if key["active"] and key["state"] in ACTIVE else 0
        row["final"] += count if not key["active"] and key["state"] in FINAL else 0
        row["states"][key["state"]] = row["states"].get(key["state"], 0) + count
    return [
        {"tenant_id": tenant, "type": type}
        | row
        | {"balanced": row["accepted"] == row["active"] + row["final"]}
        for (tenant, type), row in sorted(rows.items())
    ]
