"""Orders and notices are created in the commit of what causes them, not by commands of their own."""

from typing import Any

from pymongo.database import Database

from migrations.index_changes import Index, create, drop
from migrations.runner import Refused

GONE = ["work_order.open_from_plan", "work_order.open_from_request", "notice.open", "plan.order_lost"]
BEFORE: list[Index] = [
    (
        "commands",
        "unopened",
        [("finished_at", 1)],
        {
            "partialFilterExpression": {
                "type": "work_order.open_from_plan",
                "state": {"$in": ["dead", "discarded", "rejected", "cancelled"]},
            }
        },
    ),
]


def up(db: Database[dict[str, Any]]) -> None:
    """Raises: Refused: such commands are active, and this release cannot apply them."""
    active = {"active": True, "type": {"$in": GONE}}
    if left := db["commands"].count_documents(active, hint="line"):
        raise Refused(
            f"{left} commands of {', '.join(GONE)} are active, which this release cannot apply: "
            "let workers of the release before finish them, or cancel and discard them"
        )
    drop(db, BEFORE)


def down(db: Database[dict[str, Any]]) -> None:
    create(db, BEFORE)
