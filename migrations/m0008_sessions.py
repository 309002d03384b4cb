"""Sessions with refresh tokens; what proves who somebody is moves out of `users`, which people may list."""

from typing import Any

from pymongo.database import Database

from migrations.index_changes import Index, create, drop

CREATED: list[Index] = [
    ("sessions", "of_user", [("tenant_id", 1), ("user_id", 1), ("revoked_at", 1)], {}),
    ("sessions", "over", [("purge_at", 1)], {"expireAfterSeconds": 0}),
]
HASHED = {"password_hash": {"$type": "string"}}


def up(db: Database[dict[str, Any]]) -> None:
    create(db, CREATED)
    _copy(db, "users", "credentials", {"tenant_id": 1, "user_id": "$id", "password_hash": 1}, absent="insert")
    db.users.update_many(HASHED, {"$unset": {"password_hash": ""}})


def down(db: Database[dict[str, Any]]) -> None:
    _copy(db, "credentials", "users", {"password_hash": 1}, absent="discard")
    db.credentials.update_many(HASHED, {"$unset": {"password_hash": ""}})
    drop(db, CREATED)


def _copy(db: Database[dict[str, Any]], source: str, to: str, fields: dict[str, Any], *, absent: str) -> None:
    """The hashes first; they leave their place afterwards, so that a step that was killed can be repeated."""
    merge = {"into": to, "on": "_id", "whenMatched": "merge", "whenNotMatched": absent}
    db[source].aggregate([{"$match": HASHED}, {"$project": fields}, {"$merge": merge}])
