"""Every index of today's release: what the newest migration leaves, and what tests create at once.

All that are hot or unique hold the tenant, so that sharding by it stays open. They are few on purpose, above
all on `commands`, `work_orders` and `plans`: an update inside a transaction costs MongoDB 6.0 some 10 to 20
µs for each index that the collection has, whatever the update changes (docs/adr/0022). Who waits for whom is
kept on the command waited for, old commands are purged by their time-ordered `_id`, and what a changed
calendar concerns is found by indexes that are there for something else.
"""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from domain.work_order.transitions import OPEN

Index = tuple[str, list[tuple[str, int | str]], dict[str, Any]]

ACTIVE = {"active": True}

FORGOTTEN = {"state": {"$in": ["sent", "failed", "cancelled"]}}
"""Deliveries that may be forgotten: what is on its way, or in doubt, never is."""

CHANGED: list[tuple[str, int | str]] = [("tenant_id", 1), ("updated_at", 1), ("_id", 1)]
WORK_OF: list[tuple[str, int | str]] = [
    ("tenant_id", 1),
    ("assignee_ids", 1),
    ("status", 1),
    ("updated_at", 1),
    ("_id", 1),
    ("team_id", 1),
]

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
    # The relay goes round the tenants of a queue; in each, what comes back first, then what was never
    # hinted, in order of acceptance. Only what may run has `next_at`; the relay's own `hint_at` is never
    # earlier, so what waits for a later time is not even looked at. `next_at` is there to be counted without
    # fetching.
    (
        "commands",
        [("queue", 1), ("tenant_id", 1), ("hint_at", -1), ("seq", 1), ("next_at", 1)],
        {"name": "due", "partialFilterExpression": {"next_at": {"$exists": True}}},
    ),
    ("commands", [("tenant_id", 1), ("target", 1), ("_id", -1)], {"name": "of_target"}),
    (
        "commands",
        [("tenant_id", 1), ("state", 1), ("_id", -1)],
        {
            "name": "unhappy",
            "partialFilterExpression": {
                "state": {"$in": ["retrying", "parked", "rejected", "conflict", "dead"]}
            },
        },
    ),
    ("commands", [("tenant_id", 1), ("_id", -1)], {"name": "recent"}),
    # What blocks a device's lane: rare, and asked for by target. What a person is to decide, and what waits
    # for something to exist, is among the unhappy.
    (
        "commands",
        [("tenant_id", 1), ("target", 1), ("blocks", 1)],
        {"name": "blocks", "partialFilterExpression": {"blocks": {"$exists": True}}},
    ),
    # What became of the rows of an import, and how much of it is on its way.
    (
        "commands",
        [("tenant_id", 1), ("import.id", 1), ("state", 1), ("import.line", 1)],
        {"name": "of_import", "partialFilterExpression": {"import.id": {"$exists": True}}},
    ),
    ("replays", [("purge_at", 1)], {"name": "over", "expireAfterSeconds": 0}),
    ("imports", [("tenant_id", 1), ("_id", -1)], {"name": "recent"}),
    ("imports", [("active", 1), ("_id", 1)], {"name": "open", "partialFilterExpression": ACTIVE}),
    ("import_reports", [("tenant_id", 1), ("import_id", 1), ("line", 1)], {"name": "of_import"}),
    ("events", [("tenant_id", 1), ("target", 1), ("version", 1)], {"name": "of_target"}),
    ("entries", [("tenant_id", 1), ("target", 1), ("_id", 1)], {"name": "of_target"}),
    ("batches", [("worker", 1)], {"name": "of_worker"}),
    ("work_orders", [("tenant_id", 1), ("number", 1)], {"name": "number", "unique": True}),
    ("work_orders", [("tenant_id", 1), ("status", 1), ("_id", -1)], {"name": "by_status"}),
    ("work_orders", [("tenant_id", 1), ("asset_id", 1), ("_id", -1)], {"name": "by_asset"}),
    # Whose work: lists by assignee, and the delta of one person, in the order in which things changed. Sync
    # begins behind what it told last, so what did not change is not looked at. Those orders that name nobody
    # are one range (an empty list has an entry of its own); which of them a team has, the last field tells.
    ("work_orders", WORK_OF, {"name": "work_of"}),
    # Whom an order was taken from, and when: in few events, hence partial.
    (
        "events",
        [("tenant_id", 1), ("data.taken_from", 1), ("at", 1), ("_id", 1)],
        {"name": "taken", "partialFilterExpression": {"data.taken_from": {"$exists": True}}},
    ),
    # What changed lately among what orders name; lists sorted by `updated_at` use them too.
    ("assets", CHANGED, {"name": "changed"}),
    ("parts", CHANGED, {"name": "changed"}),
    ("plans", CHANGED, {"name": "changed"}),
    ("work_orders", [("tenant_id", 1), ("created_at", -1), ("_id", -1)], {"name": "by_age"}),
    ("work_orders", [("tenant_id", 1), ("due_at", 1), ("_id", 1)], {"name": "by_due"}),
    (
        "assets",
        [("tenant_id", 1), ("tag", 1)],
        {"name": "tag", "unique": True, "partialFilterExpression": {"tag": {"$type": "string"}}},
    ),
    ("assets", [("tenant_id", 1), ("name", 1)], {"name": "by_name"}),
    ("assets", [("tenant_id", 1), ("parent_id", 1), ("_id", -1)], {"name": "by_parent"}),
    ("parts", [("tenant_id", 1), ("_id", -1)], {"name": "recent"}),
    ("requests", [("tenant_id", 1), ("status", 1), ("_id", -1)], {"name": "by_status"}),
    # Time. What is due is found whatever its tenant, and the index alone answers.
    (
        "work_orders",
        [("look_at", 1), ("_id", 1)],
        {"name": "looks", "partialFilterExpression": {"look_at": {"$type": "date"}}},
    ),
    (
        "work_orders",
        [("tenant_id", 1), ("plan.id", 1), ("plan.lane", 1), ("plan.occurrence", 1)],
        {"name": "occurrence", "unique": True, "partialFilterExpression": {"plan.id": {"$exists": True}}},
    ),
    (
        "plans",
        [("shard", 1), ("generate_at", 1), ("_id", 1)],
        {"name": "due", "partialFilterExpression": {"generate_at": {"$type": "date"}}},
    ),
    ("plans", [("tenant_id", 1), ("state", 1), ("_id", -1)], {"name": "by_state"}),
    ("plans", [("tenant_id", 1), ("rules.name", 1), ("_id", 1)], {"name": "by_name"}),
    ("plans", [("tenant_id", 1), ("next_due_at", 1), ("_id", 1)], {"name": "by_due"}),
    ("plans", [("tenant_id", 1), ("rules.targets.asset_id", 1), ("_id", -1)], {"name": "by_asset"}),
    # Open orders on watch: those behind their policies, and those that count by a calendar.
    (
        "work_orders",
        [("tenant_id", 1), ("watch.policies_version", 1)],
        {
            "name": "of_policies",
            "partialFilterExpression": {
                "watch.policies_version": {"$exists": True},
                "status": {"$in": list(OPEN)},
            },
        },
    ),
    ("calendars", [("fresh", 1)], {"name": "fresh", "partialFilterExpression": {"fresh": True}}),
    ("policies", [("fresh", 1)], {"name": "fresh", "partialFilterExpression": {"fresh": True}}),
    ("meters", [("tenant_id", 1), ("asset_id", 1), ("_id", -1)], {"name": "by_asset"}),
    ("meters", [("tenant_id", 1), ("name", 1), ("_id", 1)], {"name": "by_name"}),
    # A schedule's fires: the one that a dead process left, the latest, and those to be forgotten.
    (
        "fires",
        [("schedule", 1), ("slot", 1)],
        {"name": "running", "partialFilterExpression": {"state": "running"}},
    ),
    ("fires", [("schedule", 1), ("slot", -1)], {"name": "latest"}),
    ("fires", [("ended_at", 1)], {"name": "ended", "partialFilterExpression": {"state": "done"}}),
    (
        "notices",
        [("spread_at", 1), ("_id", 1)],
        {"name": "unspread", "partialFilterExpression": {"spread_at": None}},
    ),
    (
        "notices",
        [("spread_at", 1)],
        {"name": "spread", "partialFilterExpression": {"spread_at": {"$type": "date"}}},
    ),
    ("deliveries", [("ended_at", 1)], {"name": "ended", "partialFilterExpression": FORGOTTEN}),
    # Couriers take what is due, critical first; then all that is due for the same recipient.
    (
        "deliveries",
        [("channel", 1), ("critical", -1), ("due_at", 1)],
        {"name": "due", "partialFilterExpression": {"state": "pending"}},
    ),
    (
        "deliveries",
        [("tenant_id", 1), ("recipient", 1), ("channel", 1), ("due_at", 1)],
        {"name": "due_to", "partialFilterExpression": {"state": "pending"}},
    ),
    (
        "deliveries",
        [("claimed_until", 1)],
        {"name": "begun", "partialFilterExpression": {"state": "sending"}},
    ),
    (
        "deliveries",
        [("tenant_id", 1), ("recipient", 1), ("channel", 1), ("created_at", -1), ("_id", -1)],
        {"name": "of_recipient"},
    ),
    ("deliveries", [("tenant_id", 1), ("state", 1), ("created_at", -1), ("_id", -1)], {"name": "by_state"}),
    ("deliveries", [("tenant_id", 1), ("about", 1), ("created_at", -1), ("_id", -1)], {"name": "of_target"}),
    (
        "deliveries",
        [("tenant_id", 1), ("message_id", 1)],
        {"name": "of_message", "partialFilterExpression": {"message_id": {"$type": "string"}}},
    ),
    # All that listen now, whatever their tenant: the feed asks again and again.
    ("webhooks", [("active", 1), ("_id", 1)], {"name": "active", "partialFilterExpression": ACTIVE}),
    ("webhooks", [("tenant_id", 1), ("_id", -1)], {"name": "recent"}),
    # Blobs: the unique one decides which of two uploads of the same bytes becomes the blob.
    (
        "blobs.files",
        [("tenant_id", 1), ("sha256", 1)],
        {
            "name": "content",
            "unique": True,
            "partialFilterExpression": {"state": {"$in": ["kept", "condemned"]}},
        },
    ),
    ("blobs.files", [("look_at", 1), ("_id", 1)], {"name": "looks"}),
    ("blobs.chunks", [("files_id", 1), ("n", 1)], {"name": "of_file", "unique": True}),
    # Who names a blob. All but those of `commands` hold strings only: an empty field is no name.
    (
        "entries",
        [("tenant_id", 1), ("sha256", 1)],
        {"name": "file", "partialFilterExpression": {"sha256": {"$gt": ""}}},
    ),
    (
        "entries",
        [("tenant_id", 1), ("image_sha256", 1)],
        {"name": "image", "partialFilterExpression": {"image_sha256": {"$gt": ""}}},
    ),
    (
        "work_orders",
        [("tenant_id", 1), ("checklist.evidence_sha256", 1)],
        {"name": "evidence", "partialFilterExpression": {"checklist.evidence_sha256": {"$gt": ""}}},
    ),
    (
        "requests",
        [("tenant_id", 1), ("attachments.sha256", 1)],
        {"name": "files", "partialFilterExpression": {"attachments.sha256": {"$gt": ""}}},
    ),
    ("operator_actions", [("tenant_id", 1), ("subject", 1)], {"name": "of_subject"}),
    ("users", [("tenant_id", 1), ("_id", 1)], {"name": "of_tenant"}),
    # One's live sessions, and those that ended so lately that their access tokens must be refused.
    ("sessions", [("tenant_id", 1), ("user_id", 1), ("revoked_at", 1)], {"name": "of_user"}),
    ("sessions", [("purge_at", 1)], {"name": "over", "expireAfterSeconds": 0}),
]


def create(db: Database[Any]) -> None:
    """Create what is missing. Safe to repeat; an index that differs from its namesake is an error."""
    for collection, keys, options in INDEXES:
        db[collection].create_index(keys, **options)
