"""Whose work an order is, and how long they carry it with them: all that a device must know offline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from domain.identity.actor import Actor
from domain.work_order.transitions import OPEN, Status

TEAM = "team"
"""Stands for whoever may execute work: who belongs to which team is not known here."""

EXECUTE = "workorders.execute"

CARRIED: Mapping[Status, timedelta | None] = {
    **dict.fromkeys(OPEN),
    # Late hours and photos come; after that they are booked by whoever is online.
    "completed": timedelta(days=14),
}
"""What is carried, and for how long after its last change (None: for as long as it stays so). An order in
any other status is carried by nobody."""


def holders(assignee_ids: tuple[str, ...], team_id: str | None) -> tuple[str, ...]:
    """The people named; where only a team is, TEAM; else nobody."""
    if assignee_ids:
        return assignee_ids
    return () if team_id is None else (TEAM,)


def holder_names(actor: Actor) -> tuple[str, ...]:
    """The holders as whom this person carries orders."""
    own = (actor.user_id,) if actor.user_id else ()
    return (*own, TEAM) if actor.can(EXECUTE) else own


def is_carried(status: Status, updated_at: datetime, *, now: datetime) -> bool:
    """Whether its holders have it with them; `updated_at` is the server's time of its last change."""
    if status not in CARRIED:
        return False
    kept = CARRIED[status]
    return kept is None or updated_at >= now - kept


def taken_from(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, ...]:
    """The holders who no longer are. Who held it for a team and is named now is among them as TEAM."""
    return tuple(holder for holder in before if holder not in after)
