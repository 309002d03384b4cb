"""work_order.open_from_plan"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from domain.checklist import Item, NewItems, written
from domain.entity import Entity
from domain.fields import Description, Instant, LocalTime, Quantity, Title, Word, decimal, instant
from domain.ids import Id
from domain.part import Part
from domain.work_order.model import FromPlan, PartLine, Priority, Type, WorkOrder, initial_status, named
from tasks.clocks import POLICIES, born
from tasks.command import Payload, handles
from tasks.work import Work


class PlannedPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    part_id: Id
    quantity: Quantity


class OpenFromPlan(Payload, frozen=True, kw_only=True):
    id: Id
    plan_id: Id
    revision: int
    lane: Word
    occurrence: LocalTime
    time_zone: str
    due_at: Instant
    window_until: Instant | None = None
    asset_ids: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=200)]
    title: Title
    description: Description | None = None
    type: Type
    priority: Priority
    checklist: NewItems = ()
    parts: Annotated[tuple[PlannedPart, ...], Meta(max_length=50)] = ()
    assignee_ids: tuple[Id, ...] = ()
    team_id: Id | None = None


def reads(cmd: OpenFromPlan) -> Iterable[tuple[type[Entity], str]]:
    return (POLICIES, *((Part, part.part_id) for part in cmd.parts))


@handles("work_order.open_from_plan", permission=None, numbered=True, internal=True, reads=reads)
def open_from_plan(cmd: OpenFromPlan, work: Work) -> None:
    """Open the order of one occurrence of a plan; its id follows from what it is for, so there is one."""
    if work.find(WorkOrder) is not None:
        return
    is_route = len(cmd.asset_ids) > 1 or cmd.lane not in cmd.asset_ids
    order = WorkOrder(
        id=work.target_id,
        number=named(work.number()),
        title=cmd.title,
        description=cmd.description,
        status=initial_status(cmd.assignee_ids, cmd.team_id),
        type=cmd.type,
        priority=cmd.priority,
        asset_id=None if is_route else cmd.asset_ids[0],
        route=cmd.asset_ids if is_route else (),
        due_at=instant(cmd.due_at),
        assignee_ids=cmd.assignee_ids,
        team_id=cmd.team_id,
        checklist=_checklist(cmd, work.new_id, is_route=is_route),
        parts=tuple(_parts(cmd, work)),
        plan=FromPlan(
            id=cmd.plan_id,
            revision=cmd.revision,
            lane=cmd.lane,
            occurrence=cmd.occurrence,
            time_zone=cmd.time_zone,
            window_until=instant(cmd.window_until) if cmd.window_until else None,
        ),
        created_at=work.now,
    )
    work.save(born(work, order))
    data: dict[str, Any] = {"number": order.number, "title": order.title, "status": order.status}
    work.emit("work_order.created", **data, plan_id=cmd.plan_id, occurrence=cmd.occurrence)


def _checklist(cmd: OpenFromPlan, new_id: Callable[[], str], *, is_route: bool) -> tuple[Item, ...]:
    if not is_route:
        return written(cmd.checklist, new_id=new_id)
    return tuple(
        msgspec.structs.replace(item, asset_id=asset_id)
        for asset_id in cmd.asset_ids
        for item in written(cmd.checklist, new_id=new_id)
    )


def _parts(cmd: OpenFromPlan, work: Work) -> Iterable[PartLine]:
    """A part that is gone is no reason to leave the work undone."""
    for part in cmd.parts:
        if work.peek(Part, part.part_id) is None:
            work.warn("unknown_part", f"there is no part {part.part_id}", part_id=part.part_id)
        else:
            yield PartLine(part_id=part.part_id, planned=decimal(part.quantity))
