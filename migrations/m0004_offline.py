"""Indexes of blobs and of whatever names one; of what devices sent, and what of it waits for a person."""

from typing import Any

from pymongo.database import Database

from adapters import indexes

NAMES = (
    ("commands", "blocks"),
    ("replays", "over"),
    ("entries", "file"),
    ("entries", "image"),
    ("work_orders", "evidence"),
    ("requests", "files"),
)


def up(db: Database[dict[str, Any]]) -> None:
    indexes.create(db)


def down(db: Database[dict[str, Any]]) -> None:
    for collection in ("blobs.files", "blobs.chunks"):
        db[collection].drop_indexes()
    for collection, name in NAMES:
        db[collection].drop_index(name)
