"""Fewer indexes of plans and orders: each one costs time at every update inside a transaction."""

from typing import Any

from pymongo.database import Database

from migrations.index_changes import Index, create, drop

BEFORE: list[Index] = [
    (
        "plans",
        "of_calendar",
        [("tenant_id", 1), ("rules.calendar_id", 1), ("calendar_version", 1)],
        {"partialFilterExpression": {"rules.calendar_id": {"$type": "string"}}},
    ),
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
    (
        "work_orders",
        "of_calendar",
        [("tenant_id", 1), ("watch.sla.policy.calendar_id", 1), ("watch.sla.calendar_version", 1)],
        {
            "partialFilterExpression": {
                "watch.sla.calendar_version": {"$exists": True},
                "status": {"$in": ["draft", "requested", "approved", "assigned", "in_progress", "on_hold"]},
            }
        },
    ),
]
CREATED: list[Index] = [
    (
        "work_orders",
        "work_of",
        [("tenant_id", 1), ("assignee_ids", 1), ("status", 1), ("updated_at", 1), ("_id", 1), ("team_id", 1)],
        {},
    ),
]


def up(db: Database[dict[str, Any]]) -> None:
    drop(db, BEFORE)
    create(db, CREATED)


def down(db: Database[dict[str, Any]]) -> None:
    drop(db, CREATED)
    create(db, BEFORE)
