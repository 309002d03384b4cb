"""Orders are created with what their plan becomes: none is asked for and then not opened."""

from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

INDEX_NOT_FOUND = 27
NAMESPACE_NOT_FOUND = 26

NAME = "unopened"
UNOPENED = {
    "type": "work_order.open_from_plan",
    "state": {"$in": ["dead", "discarded", "rejected", "cancelled"]},
}


def up(db: Database[dict[str, Any]]) -> None:
    try:
        db["commands"].drop_index(NAME)
    except OperationFailure as error:  # a database made by this release never had it
        if error.code not in (INDEX_NOT_FOUND, NAMESPACE_NOT_FOUND):
            raise


def down(db: Database[dict[str, Any]]) -> None:
    db["commands"].create_index("finished_at", name=NAME, partialFilterExpression=UNOPENED)
