"""work_order.assign"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from domain.ids import Id
from domain.work_order.model import WorkOrder
from tasks.command import Payload, handles
from tasks.flows.work_order import save_change
from tasks.work import Work


class Assign(Payload, frozen=True, kw_only=True):
    """A field left out stays as it is; an empty list, or null for the team, removes them."""

    work_order_id: Id
    assignee_ids: Annotated[tuple[Id, ...], Meta(max_length=50)] | UnsetType = UNSET
    team_id: Id | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        if self.assignee_ids is UNSET and self.team_id is UNSET:
            raise ValueError("assignee_ids or team_id is needed")


@handles("work_order.assign", permission="workorders.write", touches=("assignee_ids", "team_id"))
def assign(cmd: Assign, work: Work) -> None:
    """Assign an order to people or a team, or unassign it."""
    order = work.load(WorkOrder)
    people = order.assignee_ids if cmd.assignee_ids is UNSET else tuple(dict.fromkeys(cmd.assignee_ids))
    team = order.team_id if cmd.team_id is UNSET else cmd.team_id
    after = order.assign(people, team, by=work.actor.user_id, at=work.occurred_at)
    event = "work_order.assigned" if people or team else "work_order.unassigned"
    save_change(work, order, after, event, assignee_ids=list(people), team_id=team)
