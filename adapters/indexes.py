"""Every index there is. All that are hot or unique begin with the tenant, so that sharding by it stays open."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

Index = tuple[str, list[tuple[str, int | str]], dict[str, Any]]

ACTIVE = {"active": True}

INDEXES: list[Index] = [
    # Acceptance: the key decides races, in the same insert that is the outbox.
    (
        "commands",
        [("tenant_id", 1), ("idempotency.scope", 1), ("idempotency.key", 1)],
        {"name": "key", "unique": True},
    ),
    # The drain reads the heads of lines.
    (
        "commands",
        [("tenant_id", 1), ("target", 1), ("seq", 1)],
        {"name": "line", "partialFilterExpression": ACTIVE},
    ),
    # The relay asks per queue for what was not hinted lately; never-hinted ones come in order of acceptance.
    (
        "commands",
        [("queue", 1), ("hint_at", 1), ("seq", 1)],
        {"name": "due", "partialFilterExpression": ACTIVE},
    ),
    # Who waits for this command (or is parked behind a dead create).
    (
        "commands",
        [("tenant_id", 1), ("after", 1)],
        {"name": "after", "partialFilterExpression": {"active": True, "after": {"$exists": True}}},
    ),
    ("commands", [("tenant_id", 1), ("target", 1), ("_id", -1)], {"name": "of_target"}),
    (
        "commands",
        [("tenant_id", 1), ("state", 1), ("_id", -1)],
        {
            "name": "unhappy",
            "partialFilterExpression": {"state": {"$in": ["retrying", "parked", "rejected", "conflict", "dead"]}},
        },
    ),
    ("commands", [("tenant_id", 1), ("_id", -1)], {"name": "recent"}),
    ("commands", [("purge_at", 1)], {"name": "purge", "expireAfterSeconds": 0}),
    ("events", [("tenant_id", 1), ("target", 1), ("version", 1)], {"name": "of_target"}),
    ("entries", [("tenant_id", 1), ("target", 1), ("_id", 1)], {"name": "of_target"}),
    ("batches", [("worker", 1)], {"name": "of_worker"}),
    ("work_orders", [("tenant_id", 1), ("number", 1)], {"name": "number", "unique": True}),
    ("work_orders", [("tenant_id", 1), ("status", 1), ("_id", -1)], {"name": "by_status"}),
    ("work_orders", [("tenant_id", 1), ("asset_id", 1), ("_id", -1)], {"name": "by_asset"}),
    ("work_orders", [("tenant_id", 1), ("assignee_ids", 1), ("_id", -1)], {"name": "by_assignee"}),
    (
        "assets",
        [("tenant_id", 1), ("tag", 1)],
        {"name": "tag", "unique": True, "partialFilterExpression": {"tag": {"$type": "string"}}},
    ),
    ("assets", [("tenant_id", 1), ("parent_id", 1), ("_id", -1)], {"name": "by_parent"}),
    ("parts", [("tenant_id", 1), ("_id", -1)], {"name": "recent"}),
    ("requests", [("tenant_id", 1), ("status", 1), ("_id", -1)], {"name": "by_status"}),
    ("users", [("tenant_id", 1), ("_id", 1)], {"name": "of_tenant"}),
]


def create(db: Database[Any]) -> None:
    """Create what is missing. Safe to repeat; an index that differs from its namesake is an error."""
    for collection, keys, options in INDEXES:
        db[collection].create_index(keys, **options)


def drop(db: Database[Any]) -> None:
    """Drop them all but the `_id` ones."""
    for collection in {name for name, _, _ in INDEXES}:
        db[collection].drop_indexes()
