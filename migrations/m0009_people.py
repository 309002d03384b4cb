"""Users become entities that commands change: each has a version, and an address once in its tenant."""

from typing import Any

from pymongo.database import Database

from migrations.index_changes import Index, create, drop

CREATED: list[Index] = [
    (
        "users",
        "email",
        [("tenant_id", 1), ("email", 1)],
        {"unique": True, "partialFilterExpression": {"email": {"$type": "string"}}},
    )
]


def up(db: Database[dict[str, Any]]) -> None:
    db.users.update_many({"version": {"$exists": False}}, {"$set": {"version": 1}})
    create(db, CREATED)


def down(db: Database[dict[str, Any]]) -> None:
    drop(db, CREATED)
