"""How every plan command loads, looks and tells: its calendar, its assets, the orders that it brings."""

from __future__ import annotations

from typing import Any

import msgspec

from domain.asset import Asset
from domain.checklist import NewItem
from domain.errors import Missing, Refusal
from domain.plan.changes import quarantined
from domain.plan.generate import Generation, Opened, generate
from domain.plan.model import Plan, Skipped
from domain.plan.rules import Rules
from domain.working_calendar import Calendar
from tasks.assets import check_asset
from tasks.work import Work


def check_names(work: Work, rules: Rules) -> None:
    """What the rules name exists. Raises: Missing; Rejected: asset_decommissioned."""
    for target in rules.targets:
        check_asset(work, target.asset_id)
    if rules.calendar_id is not None and work.peek(Calendar, rules.calendar_id) is None:
        raise Missing("calendar", rules.calendar_id, path="calendar_id")


def calendar_of(work: Work, rules: Rules) -> Calendar | None:
    return work.peek(Calendar, rules.calendar_id) if rules.calendar_id else None


def settle(work: Work, before: Plan | None, after: Plan, event: str, **data: Any) -> None:
    """Save and tell, unless nothing changed."""
    if after != before:
        work.save(after)
        work.emit(event, **{name: value for name, value in data.items() if value is not None})


def look(work: Work, plan: Plan) -> None:
    """Bring what is due. A plan whose rules no longer make sense is quarantined, and stops nobody else."""
    try:
        found = generate(
            plan, calendar_of(work, plan.rules), now=work.now, in_service=lambda id: _in_service(work, id)
        )
    except Refusal as refusal:
        after = quarantined(plan, code=refusal.code, message=refusal.message, at=work.now)
        settle(work, plan, after, "plan.quarantined", code=refusal.code, message=refusal.message)
        return
    if found.plan == plan:
        return
    work.save(found.plan)
    _order(work, found)
    _tell(work, plan, found)


def _in_service(work: Work, asset_id: str) -> bool:
    asset = work.peek(Asset, asset_id)
    return asset is not None and asset.in_service


def _order(work: Work, found: Generation) -> None:
    """The follow-ups that open, add to and close orders."""
    for id in found.superseded:
        work.follow_up(
            "work_order.cancel_superseded",
            {"work_order_id": id, "plan_id": found.plan.id},
            step=f"supersede:{id}",
        )
    for opened in found.opened:
        step = f"{opened.lane}@{opened.occurrence.occurrence}"
        if opened.merged_into:
            work.follow_up("work_order.merge_occurrence", _merge(found.plan, opened), step=step)
        else:
            work.follow_up("work_order.open_from_plan", _opening(found.plan, opened), step=step)


def _merge(plan: Plan, opened: Opened) -> dict[str, Any]:
    return {
        "work_order_id": opened.work_order_id,
        "plan_id": plan.id,
        "occurrence": opened.occurrence.occurrence,
        "asset_ids": opened.asset_ids,
        "checklist": [_item(item) for item in plan.rules.template.checklist],
    }


def _opening(plan: Plan, opened: Opened) -> dict[str, Any]:
    """The template as it is now: an order keeps the revision by which it was issued."""
    template, found = plan.rules.template, opened.occurrence
    return {
        "id": opened.work_order_id,
        "plan_id": plan.id,
        "revision": plan.revision,
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
        "parts": [{"part_id": part.part_id, "quantity": part.quantity} for part in template.parts],
        "assignee_ids": template.assignee_ids,
        "team_id": template.team_id,
    }


def _item(item: NewItem) -> dict[str, Any]:
    """Without what is not said: a new id is given to each order's items."""
    fields = msgspec.structs.asdict(item)
    return {name: value for name, value in fields.items() if value is not None and name != "item_id"}


def _tell(work: Work, before: Plan, found: Generation) -> None:
    for skipped in found.skipped:
        _tell_skipped(work, skipped)
    if found.opened:
        work.emit(
            "plan.generated",
            orders=[
                {
                    "work_order_id": one.work_order_id,
                    "occurrence": one.occurrence.occurrence,
                    "lane": one.lane,
                }
                for one in found.opened
            ],
            revision=found.plan.revision,
        )
    if found.plan.state == "ended" != before.state:
        work.emit("plan.ended", reason=found.plan.ended_reason)
    if not (found.opened or found.skipped or found.plan.state == "ended"):
        work.emit("plan.looked_at", generate_at=found.plan.generate_at)


def _tell_skipped(work: Work, skipped: Skipped) -> None:
    work.emit(
        "plan.occurrence_skipped",
        occurrence=skipped.occurrence,
        lane=skipped.lane,
        code=skipped.code,
        reason=skipped.reason,
    )
