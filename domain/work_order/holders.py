"""Who holds an order, and how long their devices keep it for offline work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from domain.identity.actor import Actor
from domain.work_order.transitions import OPEN, Status

TEAM = "team"
"""The holder of an order that only names a team: anyone who may execute work, as team members are not
stored."""

EXECUTE = "workorders.execute"

CARRIED: Mapping[Status, timedelta | None] = {
    **dict.fromkeys(OPEN),
    # For late hours and photos; after that they are booked online.
    "completed": timedelta(days=14),
}
"""The statuses in which devices keep an order, and for how long after its last change (None: without limit).
Devices do not keep an order in any other status."""


def holders(assignee_ids: tuple[str, ...], team_id: str | None) -> tuple[str, ...]:
    """The assignees; TEAM if there is only a team; else nobody."""
    if assignee_ids:
        return assignee_ids
    return () if team_id is None else (TEAM,)


def holder_names(actor: Actor) -> tuple[str, ...]:
    """The holder names under which this person's devices keep orders."""
    own = (actor.user_id,) if actor.user_id else ()
    return (*own, TEAM) if actor.can(EXECUTE) else own


def is_carried(status: Status, updated_at: datetime, *, now: datetime) -> bool:
    """Whether the holders' devices keep the order; `updated_at` is the server time of its last change."""
    if status not in CARRIED:
        return False
    kept = CARRIED[status]
    return kept is None or updated_at >= now - kept


def taken_from(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, ...]:
    """The holders that an order lost. TEAM is among them when a team's order gets assignees."""
    return tuple(holder for holder in before if holder not in after)
