"""Indexes of what changed for whom; `work_of` begins as `by_assignee` did and takes its place."""

from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

from adapters import indexes

INDEX_NOT_FOUND = 27
NAMESPACE_NOT_FOUND = 26

NEW = (
    ("work_orders", "work_of"),
    ("work_orders", "work_of_teams"),
    ("events", "taken"),
    ("assets", "changed"),
    ("parts", "changed"),
    ("plans", "changed"),
)
OLD = [("tenant_id", 1), ("assignee_ids", 1), ("_id", -1)]


def up(db: Database[dict[str, Any]]) -> None:
    indexes.create(db)
    _drop(db, "work_orders", "by_assignee")


def down(db: Database[dict[str, Any]]) -> None:
    db["work_orders"].create_index(OLD, name="by_assignee")
    for collection, name in NEW:
        _drop(db, collection, name)


def _drop(db: Database[dict[str, Any]], collection: str, name: str) -> None:
    """A database made by this release never had the old one."""
    try:
        db[collection].drop_index(name)
    except OperationFailure as error:
        if error.code not in (INDEX_NOT_FOUND, NAMESPACE_NOT_FOUND):
            raise
