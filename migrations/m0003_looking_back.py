"""Indexes for what was never opened, for what may be forgotten, and for lists by name and due date."""

from typing import Any

from pymongo.database import Database

from adapters import indexes

NEW = {
    "commands": ("unopened",),
    "plans": ("by_due",),
    "work_orders": ("of_calendar",),
    "meters": ("by_name",),
    "fires": ("running", "latest", "ended"),
    "notices": ("spread",),
    "deliveries": ("ended",),
}
CHANGED = {"work_orders": "of_policies", "plans": "by_name"}
BEFORE: dict[str, tuple[list[tuple[str, int]], dict[str, Any]]] = {
    "work_orders": (
        [("tenant_id", 1), ("watch.policies_version", 1)],
        {"partialFilterExpression": {"look_at": {"$type": "date"}}},
    ),
    "plans": ([("tenant_id", 1), ("rules.name", 1)], {}),
}


def up(db: Database[dict[str, Any]]) -> None:
    for collection, name in CHANGED.items():
        db[collection].drop_index(name)
    indexes.create(db)


def down(db: Database[dict[str, Any]]) -> None:
    for collection, names in NEW.items():
        for name in names:
            db[collection].drop_index(name)
    for collection, name in CHANGED.items():
        keys, options = BEFORE[collection]
        db[collection].drop_index(name)
        db[collection].create_index(keys, name=name, **options)
