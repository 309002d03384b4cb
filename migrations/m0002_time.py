"""Indexes of plans, meters, the clocks on orders, and what people are notified of."""

from typing import Any

from pymongo.database import Database

from migrations.index_changes import Index, create, drop

CREATED: list[Index] = [
    ("calendars", "fresh", [("fresh", 1)], {"partialFilterExpression": {"fresh": True}}),
    (
        "deliveries",
        "due",
        [("channel", 1), ("critical", -1), ("due_at", 1)],
        {"partialFilterExpression": {"state": "pending"}},
    ),
    (
        "deliveries",
        "due_to",
        [("tenant_id", 1), ("recipient", 1), ("channel", 1), ("due_at", 1)],
        {"partialFilterExpression": {"state": "pending"}},
    ),
    ("deliveries", "begun", [("claimed_until", 1)], {"partialFilterExpression": {"state": "sending"}}),
    (
        "deliveries",
        "of_recipient",
        [("tenant_id", 1), ("recipient", 1), ("channel", 1), ("created_at", -1), ("_id", -1)],
        {},
    ),
    ("deliveries", "by_state", [("tenant_id", 1), ("state", 1), ("created_at", -1), ("_id", -1)], {}),
    ("deliveries", "of_target", [("tenant_id", 1), ("about", 1), ("created_at", -1), ("_id", -1)], {}),
    (
        "deliveries",
        "of_message",
        [("tenant_id", 1), ("message_id", 1)],
        {"partialFilterExpression": {"message_id": {"$type": "string"}}},
    ),
    ("meters", "by_asset", [("tenant_id", 1), ("asset_id", 1), ("_id", -1)], {}),
    ("notices", "unspread", [("spread_at", 1), ("_id", 1)], {"partialFilterExpression": {"spread_at": None}}),
    (
        "plans",
        "due",
        [("shard", 1), ("generate_at", 1), ("_id", 1)],
        {"partialFilterExpression": {"generate_at": {"$type": "date"}}},
    ),
    ("plans", "by_state", [("tenant_id", 1), ("state", 1), ("_id", -1)], {}),
    ("plans", "by_asset", [("tenant_id", 1), ("rules.targets.asset_id", 1), ("_id", -1)], {}),
    (
        "plans",
        "of_calendar",
        [("tenant_id", 1), ("rules.calendar_id", 1), ("calendar_version", 1)],
        {"partialFilterExpression": {"rules.calendar_id": {"$type": "string"}}},
    ),
    ("plans", "by_name", [("tenant_id", 1), ("rules.name", 1)], {}),
    ("policies", "fresh", [("fresh", 1)], {"partialFilterExpression": {"fresh": True}}),
    ("webhooks", "active", [("active", 1), ("_id", 1)], {"partialFilterExpression": {"active": True}}),
    ("webhooks", "recent", [("tenant_id", 1), ("_id", -1)], {}),
    (
        "work_orders",
        "looks",
        [("look_at", 1), ("_id", 1)],
        {"partialFilterExpression": {"look_at": {"$type": "date"}}},
    ),
    (
        "work_orders",
        "occurrence",
        [("tenant_id", 1), ("plan.id", 1), ("plan.lane", 1), ("plan.occurrence", 1)],
        {"unique": True, "partialFilterExpression": {"plan.id": {"$exists": True}}},
    ),
    (
        "work_orders",
        "of_policies",
        [("tenant_id", 1), ("watch.policies_version", 1)],
        {"partialFilterExpression": {"look_at": {"$type": "date"}}},
    ),
]


def up(db: Database[dict[str, Any]]) -> None:
    create(db, CREATED)


def down(db: Database[dict[str, Any]]) -> None:
    drop(db, CREATED)
