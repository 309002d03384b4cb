"""work_order.open_from_plan"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from domain.checklist import Item, written
from domain.entity import Entity
from domain.fields import decimal, instant
from domain.part import Part
from domain.work_order.model import FromPlan, PartLine, WorkOrder, initial_status, named
from tasks.clocks import POLICIES, born
from tasks.command import handles
from tasks.occurrences import Opening
from tasks.work import Work


def reads(cmd: Opening) -> Iterable[tuple[type[Entity], str]]:
    yield POLICIES
    yield from ((Part, part.part_id) for part in cmd.parts)


@handles("work_order.open_from_plan", permission=None, numbered=True, internal=True, reads=reads)
def open_from_plan(cmd: Opening, work: Work) -> None:
    """Open the order of one occurrence of a plan; its id follows from what it is for, so there is one."""
    if work.find(WorkOrder) is not None:
        return
    order = WorkOrder(
        id=work.target_id,
        number=named(work.number()),
        title=cmd.title,
        description=cmd.description,
        status=initial_status(cmd.assignee_ids, cmd.team_id),
        type=cmd.type,
        priority=cmd.priority,
        asset_id=None if cmd.is_route else cmd.lane,
        route=cmd.asset_ids if cmd.is_route else (),
        due_at=instant(cmd.due_at),
        assignee_ids=cmd.assignee_ids,
        team_id=cmd.team_id,
        checklist=_checklist(cmd, work),
        parts=tuple(_parts(cmd, work)),
        plan=_origin(cmd),
        created_at=work.now,
    )
    work.save(born(work, order))
    work.emit(
        "work_order.created",
        number=order.number,
        title=order.title,
        status=order.status,
        plan_id=cmd.plan_id,
        occurrence=cmd.occurrence,
    )


def _origin(cmd: Opening) -> FromPlan:
    return FromPlan(
        id=cmd.plan_id,
        revision=cmd.revision,
        lane=cmd.lane,
        occurrence=cmd.occurrence,
        time_zone=cmd.time_zone,
        window_until=instant(cmd.window_until) if cmd.window_until else None,
    )


def _checklist(cmd: Opening, work: Work) -> tuple[Item, ...]:
    """On a route once for each asset, in the order of the round."""
    if not cmd.is_route:
        return written(cmd.checklist, new_id=work.new_id)
    return tuple(
        replace(item, asset_id=asset_id)
        for asset_id in cmd.asset_ids
        for item in written(cmd.checklist, new_id=work.new_id)
    )


def _parts(cmd: Opening, work: Work) -> Iterator[PartLine]:
    """A part that is gone is no reason to leave the work undone."""
    for part in cmd.parts:
        if work.peek(Part, part.part_id) is None:
            work.warn("unknown_part", f"there is no part {part.part_id}", part_id=part.part_id)
        else:
            yield PartLine(part_id=part.part_id, planned=decimal(part.quantity))
