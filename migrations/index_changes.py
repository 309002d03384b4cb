"""Creating and dropping the indexes that a migration lists."""

from collections.abc import Sequence
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

Index = tuple[str, str, list[tuple[str, int]], dict[str, Any]]
"""Collection, name, keys, options."""

INDEX_NOT_FOUND = 27
NAMESPACE_NOT_FOUND = 26


def create(db: Database[dict[str, Any]], indexes: Sequence[Index]) -> None:
    """Creates those that are missing. Raises: OperationFailure: one exists with other keys or options."""
    for collection, name, keys, options in indexes:
        db[collection].create_index(keys, name=name, **options)


def drop(db: Database[dict[str, Any]], indexes: Sequence[Index]) -> None:
    """Drops those that exist; a step that was killed and is repeated has dropped some already."""
    for collection, name, _, _ in indexes:
        try:
            db[collection].drop_index(name)
        except OperationFailure as error:
            if error.code not in (INDEX_NOT_FOUND, NAMESPACE_NOT_FOUND):
                raise
