"""Indexes of plans, meters, the clocks on orders, and what people are told."""

from typing import Any

from pymongo.database import Database

from adapters import indexes

COLLECTIONS = ("plans", "calendars", "meters", "policies", "notices", "deliveries", "fires", "webhooks")


def up(db: Database[dict[str, Any]]) -> None:
    indexes.create(db)


def down(db: Database[dict[str, Any]]) -> None:
    for collection in COLLECTIONS:
        db[collection].drop_indexes()
    for name in ("looks", "occurrence", "of_policies"):
        db["work_orders"].drop_index(name)
