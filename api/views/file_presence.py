"""Whether the bytes of what a document names are there: they may come before the action or after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from adapters.blobs import store as blobs
from adapters.mongo.client import Document

NAMES = ("sha256", "image_sha256", "evidence_sha256")
"""By what an attachment, a signature and a checklist's item name a file."""


async def tell(db: AsyncDatabase[Any], tenant_id: str, holders: Sequence[Document]) -> None:
    """Adds `available` to each that names a file; one question for all of them. Raises: PyMongoError."""
    named = {id(holder): hash for holder in holders if (hash := _named(holder))}
    there = await blobs.existing_hashes(db, tenant_id, named.values())
    for holder in holders:
        if hash := named.get(id(holder)):
            holder["available"] = hash in there


def has_any(shape: Document) -> bool:
    """Whether a document told of files: what it shows then depends on more than its version."""
    lists = (shape.get(name) or () for name in ("attachments", "signatures", "checklist"))
    return any("available" in holder for rows in lists for holder in rows)


def _named(holder: Document) -> str | None:
    return next((holder[name] for name in NAMES if holder.get(name)), None)
