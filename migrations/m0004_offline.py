"""Indexes of blobs and the documents that name them, of devices' replays, and of what blocks their lanes."""

from typing import Any

from pymongo.database import Database

from migrations.index_changes import Index, create, drop

CREATED: list[Index] = [
    ("blobs.chunks", "of_file", [("files_id", 1), ("n", 1)], {"unique": True}),
    (
        "blobs.files",
        "content",
        [("tenant_id", 1), ("sha256", 1)],
        {"unique": True, "partialFilterExpression": {"state": {"$in": ["kept", "condemned"]}}},
    ),
    ("blobs.files", "looks", [("look_at", 1), ("_id", 1)], {}),
    (
        "commands",
        "blocks",
        [("tenant_id", 1), ("target", 1), ("blocks", 1)],
        {"partialFilterExpression": {"blocks": {"$exists": True}}},
    ),
    (
        "entries",
        "file",
        [("tenant_id", 1), ("sha256", 1)],
        {"partialFilterExpression": {"sha256": {"$gt": ""}}},
    ),
    (
        "entries",
        "image",
        [("tenant_id", 1), ("image_sha256", 1)],
        {"partialFilterExpression": {"image_sha256": {"$gt": ""}}},
    ),
    ("replays", "over", [("purge_at", 1)], {"expireAfterSeconds": 0}),
    (
        "requests",
        "files",
        [("tenant_id", 1), ("attachments.sha256", 1)],
        {"partialFilterExpression": {"attachments.sha256": {"$gt": ""}}},
    ),
    (
        "work_orders",
        "evidence",
        [("tenant_id", 1), ("checklist.evidence_sha256", 1)],
        {"partialFilterExpression": {"checklist.evidence_sha256": {"$gt": ""}}},
    ),
]


def up(db: Database[dict[str, Any]]) -> None:
    create(db, CREATED)


def down(db: Database[dict[str, Any]]) -> None:
    drop(db, CREATED)
