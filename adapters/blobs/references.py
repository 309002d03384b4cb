"""Where blobs are referenced: a blob that nothing references is swept."""

from __future__ import annotations

from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.mongo.client import Document

PLACES: tuple[tuple[str, str, Document, str], ...] = (
    # A dead command may be replayed, and an open conflict, which blocks its lane, reapplied. Any other ended
    # command has written its references, or none. They have no index of their own, which every command would
    # pay for: few commands are active, dead or blocking at a time.
    ("commands", "needs", {"active": True}, "line"),
    ("commands", "needs", {"state": "dead"}, "unhappy"),
    ("commands", "needs", {"blocks": {"$exists": True}}, "blocks"),
    ("requests", "attachments.sha256", {}, "files"),
    ("entries", "sha256", {}, "file"),
    ("entries", "image_sha256", {}, "image"),
    ("work_orders", "checklist.evidence_sha256", {}, "evidence"),
)
"""Collection, field, condition and index."""


def is_named(db: Database[Any], session: ClientSession, tenant_id: str, sha256: str) -> bool:
    """Whether anything references the blob. `session` must read from one snapshot: otherwise a command that
    ends between two of the queries could be missed by both."""
    return any(
        db[collection].find_one(
            {"tenant_id": tenant_id, field: sha256, **condition}, {"_id": 1}, session=session, hint=index
        )
        for collection, field, condition, index in PLACES
    )
