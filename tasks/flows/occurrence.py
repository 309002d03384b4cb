"""The order that one occurrence of a plan asks for: opened beside whatever command brings it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from domain.assets.part import Part
from domain.fields import Description, Instant, OccurrenceName, TimeZone, Title, Word, decimal, instant
from domain.ids import Id
from domain.plan.generate import Opened
from domain.plan.identity import order_id
from domain.plan.rules import PlannedPart, Rules
from domain.time.instants import rfc3339
from domain.work_order.books import planned_parts
from domain.work_order.checklist import Item, NewItem, NewItems, new_checklist
from domain.work_order.model import FromPlan, Priority, Type, WorkOrder, initial_status, order_number
from tasks.command import Payload
from tasks.flows.work_order import create_order
from tasks.work import Work


class Opening(Payload, frozen=True, kw_only=True):
    """One occurrence with the whole template of its time: an order keeps the revision by which it was issued,
    also where another command has yet to find out whether it is needed."""

    id: Id
    plan_id: Id
    revision: int
    lane: Word
    occurrence: OccurrenceName
    time_zone: TimeZone
    due_at: Instant
    window_until: Instant | None = None
    asset_ids: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=200)]
    title: Title
    description: Description | None = None
    type: Type
    priority: Priority
    checklist: NewItems = ()
    parts: Annotated[tuple[PlannedPart, ...], Meta(max_length=50)] = ()
    assignee_ids: Annotated[tuple[Id, ...], Meta(max_length=50)] = ()
    team_id: Id | None = None

    @property
    def is_route(self) -> bool:
        return self.lane not in self.asset_ids


def opening_of(plan_id: str, rules: Rules, opened: Opened) -> Opening:
    """By the rules that named the occurrence."""
    template, found = rules.template, opened.occurrence
    return Opening(
        id=order_id(plan_id, opened.lane, found.occurrence, found.due_at),
        plan_id=plan_id,
        revision=found.revision,
        lane=opened.lane,
        occurrence=found.occurrence,
        time_zone=found.time_zone,
        due_at=rfc3339(found.due_at),
        window_until=rfc3339(opened.window_until) if opened.window_until else None,
        asset_ids=opened.asset_ids,
        title=template.title,
        description=template.description,
        type=template.type,
        priority=template.priority,
        checklist=tuple(map(_without_id, template.checklist)),
        parts=template.parts,
        assignee_ids=template.assignee_ids,
        team_id=template.team_id,
    )


def open_order(work: Work, asked: Opening) -> None:
    """Open the order of one occurrence; its id follows from what it is for, so there is one."""
    order = WorkOrder(
        id=asked.id,
        number=order_number(work.number(WorkOrder)),
        title=asked.title,
        description=asked.description,
        status=initial_status(asked.assignee_ids, asked.team_id),
        type=asked.type,
        priority=asked.priority,
        asset_id=None if asked.is_route else asked.lane,
        route=asked.asset_ids if asked.is_route else (),
        due_at=instant(asked.due_at),
        assignee_ids=tuple(dict.fromkeys(asked.assignee_ids)),
        team_id=asked.team_id,
        checklist=_checklist(asked, work),
        parts=planned_parts(_parts(asked, work)),
        plan=_origin(asked),
        created_at=work.now,
    )
    create_order(work, order, plan_id=asked.plan_id, occurrence=asked.occurrence)


def _without_id(item: NewItem) -> NewItem:
    """The items of each order have ids of their own."""
    return replace(item, item_id=None) if item.item_id else item


def _origin(asked: Opening) -> FromPlan:
    return FromPlan(
        id=asked.plan_id,
        revision=asked.revision,
        lane=asked.lane,
        occurrence=asked.occurrence,
        time_zone=asked.time_zone,
        window_until=instant(asked.window_until) if asked.window_until else None,
    )


def _checklist(asked: Opening, work: Work) -> tuple[Item, ...]:
    """On a route once for each asset, in the order of the round."""
    if not asked.is_route:
        return new_checklist(asked.checklist, new_id=work.new_id)
    return tuple(
        replace(item, asset_id=asset_id)
        for asset_id in asked.asset_ids
        for item in new_checklist(asked.checklist, new_id=work.new_id)
    )


def _parts(asked: Opening, work: Work) -> Iterator[tuple[str, Decimal]]:
    """A part that is gone is no reason to leave the work undone."""
    for part in asked.parts:
        if work.peek(Part, part.part_id) is None:
            work.warn("unknown_part", f"there is no part {part.part_id}", part_id=part.part_id)
        else:
            yield part.part_id, decimal(part.quantity)
