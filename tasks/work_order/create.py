"""work_order.create"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import chain
from typing import Annotated

import msgspec
from msgspec import Meta

from domain.assets.part import Part
from domain.entity import Entity
from domain.errors import Missing, Rejected
from domain.fields import Description, Instant, Quantity, Title, decimal, instant
from domain.ids import Id
from domain.work_order.books import planned_parts
from domain.work_order.checklist import NewItems, new_checklist
from domain.work_order.model import Priority, Type, WorkOrder, initial_status, order_number
from tasks.command import Payload, handles
from tasks.flows.asset import asset_read, check_asset
from tasks.flows.order_clocks import POLICIES, with_clocks
from tasks.flows.work_order import created_data
from tasks.work import Work


class PlannedPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    part_id: Id
    quantity: Quantity


class Create(Payload, frozen=True, kw_only=True):
    id: Id | None = None
    title: Title
    description: Description | None = None
    asset_id: Id | None = None
    type: Type
    priority: Priority
    due_at: Instant | None = None
    assignee_ids: Annotated[tuple[Id, ...], Meta(max_length=50)] = ()
    team_id: Id | None = None
    checklist: NewItems = ()
    parts: Annotated[tuple[PlannedPart, ...], Meta(max_length=200)] = ()


def reads(cmd: Create) -> Iterable[tuple[type[Entity], str]]:
    return chain[tuple[type[Entity], str]](
        (POLICIES,), asset_read(cmd.asset_id), ((Part, part.part_id) for part in cmd.parts)
    )


@handles("work_order.create", permission="workorders.write", numbers=WorkOrder, reads=reads)
def create(cmd: Create, work: Work) -> None:
    """Open a work order: `assigned` if it names assignees or a team, else `requested`."""
    if work.find(WorkOrder) is not None:
        raise Rejected("already_exists", f"there is a work order {work.target_id}", path="id")
    check_asset(work, cmd.asset_id)
    people = tuple(dict.fromkeys(cmd.assignee_ids))
    order = WorkOrder(
        id=work.target_id,
        number=order_number(work.number(WorkOrder)),
        title=cmd.title,
        description=cmd.description,
        status=initial_status(people, cmd.team_id),
        type=cmd.type,
        priority=cmd.priority,
        asset_id=cmd.asset_id,
        due_at=instant(cmd.due_at) if cmd.due_at else None,
        assignee_ids=people,
        team_id=cmd.team_id,
        checklist=new_checklist(cmd.checklist, new_id=work.new_id),
        parts=planned_parts(_parts(cmd, work)),
        created_by=work.actor.user_id,
        created_at=work.occurred_at,
    )
    work.save(with_clocks(work, order))
    work.emit("work_order.created", **created_data(order))


def _parts(cmd: Create, work: Work) -> Iterator[tuple[str, Decimal]]:
    for part in cmd.parts:
        if work.peek(Part, part.part_id) is None:
            raise Missing("part", part.part_id, path="parts")
        yield part.part_id, decimal(part.quantity)
