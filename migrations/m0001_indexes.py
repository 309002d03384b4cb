"""Indexes of commands, events, orders, assets, parts, requests and imports."""

from typing import Any

from pymongo.database import Database

from migrations.index_changes import Index, create, drop

CREATED: list[Index] = [
    (
        "assets",
        "tag",
        [("tenant_id", 1), ("tag", 1)],
        {"unique": True, "partialFilterExpression": {"tag": {"$type": "string"}}},
    ),
    ("assets", "by_name", [("tenant_id", 1), ("name", 1)], {}),
    ("assets", "by_parent", [("tenant_id", 1), ("parent_id", 1), ("_id", -1)], {}),
    ("batches", "of_worker", [("worker", 1)], {}),
    (
        "commands",
        "key",
        [("tenant_id", 1), ("idempotency.scope", 1), ("idempotency.key", 1)],
        {"unique": True},
    ),
    (
        "commands",
        "line",
        [("tenant_id", 1), ("target", 1), ("seq", 1)],
        {"partialFilterExpression": {"active": True}},
    ),
    (
        "commands",
        "due",
        [("queue", 1), ("tenant_id", 1), ("hint_at", -1), ("seq", 1), ("next_at", 1)],
        {"partialFilterExpression": {"next_at": {"$exists": True}}},
    ),
    ("commands", "of_target", [("tenant_id", 1), ("target", 1), ("_id", -1)], {}),
    (
        "commands",
        "unhappy",
        [("tenant_id", 1), ("state", 1), ("_id", -1)],
        {
            "partialFilterExpression": {
                "state": {"$in": ["retrying", "parked", "rejected", "conflict", "dead"]}
            }
        },
    ),
    ("commands", "recent", [("tenant_id", 1), ("_id", -1)], {}),
    (
        "commands",
        "of_import",
        [("tenant_id", 1), ("import.id", 1), ("state", 1), ("import.line", 1)],
        {"partialFilterExpression": {"import.id": {"$exists": True}}},
    ),
    ("entries", "of_target", [("tenant_id", 1), ("target", 1), ("_id", 1)], {}),
    ("events", "of_target", [("tenant_id", 1), ("target", 1), ("version", 1)], {}),
    ("import_reports", "of_import", [("tenant_id", 1), ("import_id", 1), ("line", 1)], {}),
    ("imports", "recent", [("tenant_id", 1), ("_id", -1)], {}),
    ("imports", "open", [("active", 1), ("_id", 1)], {"partialFilterExpression": {"active": True}}),
    ("operator_actions", "of_subject", [("tenant_id", 1), ("subject", 1)], {}),
    ("parts", "recent", [("tenant_id", 1), ("_id", -1)], {}),
    ("requests", "by_status", [("tenant_id", 1), ("status", 1), ("_id", -1)], {}),
    ("users", "of_tenant", [("tenant_id", 1), ("_id", 1)], {}),
    ("work_orders", "number", [("tenant_id", 1), ("number", 1)], {"unique": True}),
    ("work_orders", "by_status", [("tenant_id", 1), ("status", 1), ("_id", -1)], {}),
    ("work_orders", "by_asset", [("tenant_id", 1), ("asset_id", 1), ("_id", -1)], {}),
    ("work_orders", "by_age", [("tenant_id", 1), ("created_at", -1), ("_id", -1)], {}),
    ("work_orders", "by_due", [("tenant_id", 1), ("due_at", 1), ("_id", 1)], {}),
    ("work_orders", "by_assignee", [("tenant_id", 1), ("assignee_ids", 1), ("_id", -1)], {}),
]


def up(db: Database[dict[str, Any]]) -> None:
    create(db, CREATED)


def down(db: Database[dict[str, Any]]) -> None:
    drop(db, CREATED)
