"""Opening the work order of one plan occurrence, beside the command that generates it."""

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
    """One occurrence with the whole order template of its revision, so that an order keeps that revision even
    if a later command opens it."""

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
    """The opening of an occurrence, by the rules that generated it."""
    template, occurrence = rules.template, opened.occurrence
    return Opening(
        id=order_id(plan_id, opened.lane, occurrence.occurrence, occurrence.due_at),
        plan_id=plan_id,
        revision=occurrence.revision,
        lane=opened.lane,
        occurrence=occurrence.occurrence,
        time_zone=occurrence.time_zone,
        due_at=rfc3339(occurrence.due_at),
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


def open_order(work: Work, opening: Opening) -> None:
    """Open the order of one occurrence. Its id is derived from the occurrence, so there is only one."""
    order = WorkOrder(
        id=opening.id,
        number=order_number(work.number(WorkOrder)),
        title=opening.title,
        description=opening.description,
        status=initial_status(opening.assignee_ids, opening.team_id),
        type=opening.type,
        priority=opening.priority,
        asset_id=None if opening.is_route else opening.lane,
        route=opening.asset_ids if opening.is_route else (),
        due_at=instant(opening.due_at),
        assignee_ids=tuple(dict.fromkeys(opening.assignee_ids)),
        team_id=opening.team_id,
        checklist=_checklist(opening, work),
        parts=planned_parts(_parts(opening, work)),
        plan=_origin(opening),
        created_at=work.now,
    )
    create_order(work, order, plan_id=opening.plan_id, occurrence=opening.occurrence)


def _without_id(item: NewItem) -> NewItem:
    """The item without its id: each order gets its own item ids."""
    return replace(item, item_id=None) if item.item_id else item


def _origin(opening: Opening) -> FromPlan:
    return FromPlan(
        id=opening.plan_id,
        revision=opening.revision,
        lane=opening.lane,
        occurrence=opening.occurrence,
        time_zone=opening.time_zone,
        window_until=instant(opening.window_until) if opening.window_until else None,
    )


def _checklist(opening: Opening, work: Work) -> tuple[Item, ...]:
    """The checklist; on a round once for each asset, in their order."""
    if not opening.is_route:
        return new_checklist(opening.checklist, new_id=work.new_id)
    return tuple(
        replace(item, asset_id=asset_id)
        for asset_id in opening.asset_ids
        for item in new_checklist(opening.checklist, new_id=work.new_id)
    )


def _parts(opening: Opening, work: Work) -> Iterator[tuple[str, Decimal]]:
    """The planned parts. An unknown part is only a warning: the order is opened without it."""
    for part in opening.parts:
        if work.peek(Part, part.part_id) is None:
            work.warn("unknown_part", f"there is no part {part.part_id}", part_id=part.part_id)
        else:
            yield part.part_id, decimal(part.quantity)
