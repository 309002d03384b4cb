"""Who names a blob: all that keeps it from being swept."""

from __future__ import annotations

from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.commands import ACTIVE
from adapters.mongo import Document

# A dead command may be replayed as it was. What ended otherwise has written its names, or none.
UNDECIDED: Document = {"state": {"$in": [*ACTIVE, "dead"]}}

PLACES: tuple[tuple[str, str, Document], ...] = (
    ("commands", "needs", UNDECIDED),
    ("requests", "attachments.sha256", {}),
    ("entries", "sha256", {}),
    ("entries", "image_sha256", {}),
    ("work_orders", "checklist.evidence_sha256", {}),
)
"""Collection, field and condition; each has an index of its own, which holds only what names something."""


def is_named(db: Database[Any], session: ClientSession, tenant_id: str, sha256: str) -> bool:
    """At the moment of the session, which must be one of snapshots: a command that ends between two of the
    questions would otherwise be missed by both."""
    return any(
        db[collection].find_one(
            {"tenant_id": tenant_id, field: sha256, **condition}, {"_id": 1}, session=session
        )
        for collection, field, condition in PLACES
    )
