"""Every index that the hot queries and the unique keys stand on."""

from typing import Any

from pymongo.database import Database

from adapters import indexes


def up(db: Database[dict[str, Any]]) -> None:
    indexes.create(db)


def down(db: Database[dict[str, Any]]) -> None:
    indexes.drop(db)
