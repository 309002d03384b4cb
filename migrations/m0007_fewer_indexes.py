"""Fewer indexes of plans and orders: each is paid for with every update inside a transaction."""

from typing import Any

from pymongo.database import Database

from adapters import indexes

OPEN = ["draft", "requested", "approved", "assigned", "in_progress", "on_hold"]
WORK_OF = [("tenant_id", 1), ("assignee_ids", 1), ("status", 1), ("updated_at", 1), ("_id", 1)]

BEFORE: list[tuple[str, str, list[tuple[str, int]], dict[str, Any]]] = [
    ("work_orders", "work_of", WORK_OF, {}),
    ("work_orders", "work_of_teams", WORK_OF, {"team_id": {"$type": "string"}}),
    (
        "work_orders",
        "of_calendar",
        [("tenant_id", 1), ("watch.sla.policy.calendar_id", 1), ("watch.sla.calendar_version", 1)],
        {"watch.sla.calendar_version": {"$exists": True}, "status": {"$in": OPEN}},
    ),
    (
        "plans",
        "of_calendar",
        [("tenant_id", 1), ("rules.calendar_id", 1), ("calendar_version", 1)],
        {"rules.calendar_id": {"$type": "string"}},
    ),
]


def up(db: Database[dict[str, Any]]) -> None:
    for collection, name, _, _ in BEFORE:
        indexes.discard(db, collection, name)
    indexes.create(db)


def down(db: Database[dict[str, Any]]) -> None:
    for collection, name, keys, condition in BEFORE:
        indexes.discard(db, collection, name)
        options: dict[str, Any] = {"partialFilterExpression": condition} if condition else {}
        db[collection].create_index(keys, name=name, **options)
