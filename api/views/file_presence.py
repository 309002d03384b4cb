"""Tells whether the files that a document names are stored: they may arrive before or after the action."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from adapters.blobs import store as blobs
from adapters.mongo.client import Document

NAMES = ("sha256", "image_sha256", "evidence_sha256")
"""The fields by which an attachment, a signature and a checklist item name a file."""


async def add_availability(db: AsyncDatabase[Any], tenant_id: str, holders: Sequence[Document]) -> None:
    """Adds `available` to each holder that names a file, with one query for all. Raises: PyMongoError."""
    named = {id(holder): hash for holder in holders if (hash := _named(holder))}
    available = await blobs.existing_hashes(db, tenant_id, named.values())
    for holder in holders:
        if hash := named.get(id(holder)):
            holder["available"] = hash in available


def has_any(shape: Document) -> bool:
    """Whether a view has `available`, and so depends on more than the document's version."""
    lists = (shape.get(name) or () for name in ("attachments", "signatures", "checklist"))
    return any("available" in holder for rows in lists for holder in rows)


def _named(holder: Document) -> str | None:
    return next((holder[name] for name in NAMES if holder.get(name)), None)
