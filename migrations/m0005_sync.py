"""Indexes of what changed for whom. `work_of` begins with the keys of `by_assignee` and replaces it."""

from typing import Any

from pymongo.database import Database

from migrations.index_changes import Index, create, drop

BEFORE: list[Index] = [
    ("work_orders", "by_assignee", [("tenant_id", 1), ("assignee_ids", 1), ("_id", -1)], {}),
]
CREATED: list[Index] = [
    ("assets", "changed", [("tenant_id", 1), ("updated_at", 1), ("_id", 1)], {}),
    (
        "events",
        "taken",
        [("tenant_id", 1), ("data.taken_from", 1), ("at", 1), ("_id", 1)],
        {"partialFilterExpression": {"data.taken_from": {"$exists": True}}},
    ),
    ("parts", "changed", [("tenant_id", 1), ("updated_at", 1), ("_id", 1)], {}),
    ("plans", "changed", [("tenant_id", 1), ("updated_at", 1), ("_id", 1)], {}),
    (
        "work_orders",
        "work_of",
        [("tenant_id", 1), ("assignee_ids", 1), ("status", 1), ("updated_at", 1), ("_id", 1)],
        {},
    ),
    (
        "work_orders",
        "work_of_teams",
        [("tenant_id", 1), ("assignee_ids", 1), ("status", 1), ("updated_at", 1), ("_id", 1)],
        {"partialFilterExpression": {"team_id": {"$type": "string"}}},
    ),
]


def up(db: Database[dict[str, Any]]) -> None:
    drop(db, BEFORE)
    create(db, CREATED)


def down(db: Database[dict[str, Any]]) -> None:
    drop(db, CREATED)
    create(db, BEFORE)
