"""Orders and notices are created with what asks for them: no command of its own opens one any more."""

from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

from migrations.runner import Refused

INDEX_NOT_FOUND = 27
NAMESPACE_NOT_FOUND = 26

GONE = ["work_order.open_from_plan", "work_order.open_from_request", "notice.open", "plan.order_lost"]
NAME = "unopened"
UNOPENED = {
    "type": "work_order.open_from_plan",
    "state": {"$in": ["dead", "discarded", "rejected", "cancelled"]},
}


def up(db: Database[dict[str, Any]]) -> None:
    """Raises: Refused: such commands are on their way, and this release does not know them."""
    active = {"active": True, "type": {"$in": GONE}}
    if left := db["commands"].count_documents(active, hint="line"):
        raise Refused(
            f"{left} commands of {', '.join(GONE)} are on their way, which this release does not know: "
            "let workers of the release before finish them, or cancel and discard them"
        )
    try:
        db["commands"].drop_index(NAME)
    except OperationFailure as error:  # a database made by this release never had it
        if error.code not in (INDEX_NOT_FOUND, NAMESPACE_NOT_FOUND):
            raise


def down(db: Database[dict[str, Any]]) -> None:
    db["commands"].create_index("finished_at", name=NAME, partialFilterExpression=UNOPENED)
