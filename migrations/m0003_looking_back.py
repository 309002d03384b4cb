"""Indexes for orders that were never opened, for what may be purged, and for lists by name and due date."""

from typing import Any

from pymongo.database import Database

from migrations.index_changes import Index, create, drop

BEFORE: list[Index] = [
    ("plans", "by_name", [("tenant_id", 1), ("rules.name", 1)], {}),
    (
        "work_orders",
        "of_policies",
        [("tenant_id", 1), ("watch.policies_version", 1)],
        {"partialFilterExpression": {"look_at": {"$type": "date"}}},
    ),
]
CREATED: list[Index] = [
    (
        "commands",
        "unopened",
        [("finished_at", 1)],
        {
            "partialFilterExpression": {
                "type": "work_order.open_from_plan",
                "state": {"$in": ["dead", "discarded", "rejected", "cancelled"]},
            }
        },
    ),
    (
        "deliveries",
        "ended",
        [("ended_at", 1)],
        {"partialFilterExpression": {"state": {"$in": ["sent", "failed", "cancelled"]}}},
    ),
    ("fires", "running", [("schedule", 1), ("slot", 1)], {"partialFilterExpression": {"state": "running"}}),
    ("fires", "latest", [("schedule", 1), ("slot", -1)], {}),
    ("fires", "ended", [("ended_at", 1)], {"partialFilterExpression": {"state": "done"}}),
    ("meters", "by_name", [("tenant_id", 1), ("name", 1), ("_id", 1)], {}),
    ("notices", "spread", [("spread_at", 1)], {"partialFilterExpression": {"spread_at": {"$type": "date"}}}),
    ("plans", "by_due", [("tenant_id", 1), ("next_due_at", 1), ("_id", 1)], {}),
    ("plans", "by_name", [("tenant_id", 1), ("rules.name", 1), ("_id", 1)], {}),
    (
        "work_orders",
        "of_policies",
        [("tenant_id", 1), ("watch.policies_version", 1)],
        {
            "partialFilterExpression": {
                "watch.policies_version": {"$exists": True},
                "status": {"$in": ["draft", "requested", "approved", "assigned", "in_progress", "on_hold"]},
            }
        },
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


def up(db: Database[dict[str, Any]]) -> None:
    drop(db, BEFORE)
    create(db, CREATED)


def down(db: Database[dict[str, Any]]) -> None:
    drop(db, CREATED)
    create(db, BEFORE)
