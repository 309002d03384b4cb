"""All indexes of the current release: those the newest migration leaves, and that tests create.

Every hot or unique index contains the tenant, so that sharding by it stays possible. They are few on purpose,
above all on `commands`, `work_orders` and `plans`: an update in a transaction costs MongoDB 6.0 some 10 to 20
µs for each index of the collection, whatever it changes (docs/adr/0022). Which command waits for another is
stored on the latter, old commands are purged by their time-ordered `_id`, and dependents of a changed
calendar are read by indexes that exist for other queries.
"""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from domain.work_order.transitions import OPEN

Index = tuple[str, list[tuple[str, int | str]], dict[str, Any]]

ACTIVE = {"active": True}

PURGEABLE = {"state": {"$in": ["sent", "failed", "cancelled"]}}
"""Deliveries that may be purged: never those pending, being sent or uncertain."""

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
    # The drain reads the heads of target queues.
    (
        "commands",
        [("tenant_id", 1), ("target", 1), ("seq", 1)],
        {"name": "line", "partialFilterExpression": ACTIVE},
    ),
    # The relay goes round the tenants of a queue; in each it reads requeued commands first, then those never
    # hinted, in order of acceptance. Only runnable commands have `next_at`; `hint_at` is never earlier, so
    # commands that wait for a later time are not read. `next_at` is in the index to be counted without
    # fetching documents.
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
    # Commands that block a device's lane: rare, and read by target. Those that await a person, or an entity,
    # are read by the index `unhappy`.
    (
        "commands",
        [("tenant_id", 1), ("target", 1), ("blocks", 1)],
        {"name": "blocks", "partialFilterExpression": {"blocks": {"$exists": True}}},
    ),
    # The outcomes of an import's rows, and the number of its runnable commands.
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
    # Lists by assignee, and one person's changes in order of time for sync, which starts after what it sent
    # last. Orders without assignees are one range (an empty list has its own index entry); the last field
    # tells which of them a team has.
    ("work_orders", WORK_OF, {"name": "work_of"}),
    # The holders that an order was taken from, and when: only few events have them.
    (
        "events",
        [("tenant_id", 1), ("data.taken_from", 1), ("at", 1), ("_id", 1)],
        {"name": "taken", "partialFilterExpression": {"data.taken_from": {"$exists": True}}},
    ),
    # Recent changes of entities that orders refer to; also for lists sorted by `updated_at`.
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
    # What is due, across tenants; covered by the index.
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
    # Watched open orders: those with older policies, and those whose clocks use a calendar.
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
    # A schedule's fires: those left running by a dead process, the latest, and those to purge.
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
    ("deliveries", [("ended_at", 1)], {"name": "ended", "partialFilterExpression": PURGEABLE}),
    # Couriers read what is due, critical first; then everything due for the same recipient.
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
    # All active webhooks, across tenants: the feed reads them again and again.
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
    # References to blobs. All but those of `commands` are strings; an empty one is no reference.
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
    (
        "users",
        [("tenant_id", 1), ("email", 1)],
        {"name": "email", "unique": True, "partialFilterExpression": {"email": {"$type": "string"}}},
    ),
    # One's live sessions, and those that ended so lately that their access tokens must be refused.
    ("sessions", [("tenant_id", 1), ("user_id", 1), ("revoked_at", 1)], {"name": "of_user"}),
    ("sessions", [("purge_at", 1)], {"name": "over", "expireAfterSeconds": 0}),
]


def create(db: Database[Any]) -> None:
    """Create missing indexes. Safe to repeat; an index that differs from one of the same name is an error."""
    for collection, keys, options in INDEXES:
        db[collection].create_index(keys, **options)
