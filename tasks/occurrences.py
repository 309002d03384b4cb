"""The order that one occurrence of a plan asks for, as the plan's commands hand it to those of orders."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from domain.checklist import NewItem, NewItems
from domain.fields import Description, Instant, OccurrenceName, TimeZone, Title, Word
from domain.ids import Id
from domain.plan.generate import Opened
from domain.plan.identity import order_id
from domain.plan.rules import PlannedPart, Rules
from domain.work_order.model import Priority, Type
from tasks.command import Payload


class Opening(Payload, frozen=True, kw_only=True):
    """The whole template travels along: an order keeps the revision by which it was issued, and to open it
    takes no second look at the plan."""

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


def opening(plan_id: str, rules: Rules, opened: Opened) -> dict[str, Any]:
    """The payload of an Opening, by the rules that named the occurrence."""
    template, found = rules.template, opened.occurrence
    payload = {
        "id": order_id(plan_id, opened.lane, found.occurrence, found.due_at),
        "plan_id": plan_id,
        "revision": found.revision,
        "lane": opened.lane,
        "occurrence": found.occurrence,
        "time_zone": found.time_zone,
        "due_at": found.due_at,
        "window_until": opened.window_until,
        "asset_ids": opened.asset_ids,
        "title": template.title,
        "description": template.description,
        "type": template.type,
        "priority": template.priority,
        "checklist": [_item(item) for item in template.checklist],
        "parts": template.parts,
        "assignee_ids": template.assignee_ids,
        "team_id": template.team_id,
    }
    return {name: value for name, value in payload.items() if value not in (None, (), [])}


def _item(item: NewItem) -> dict[str, Any]:
    """Without its id: the items of each order have their own."""
    fields = msgspec.structs.asdict(item)
    return {name: value for name, value in fields.items() if value is not None and name != "item_id"}
