"""How every plan command loads, looks and tells: its calendar, its assets, the orders that it brings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from domain.assets.asset import Asset
from domain.assets.meter import Meter
from domain.assets.part import Part
from domain.entity import Entity
from domain.errors import Missing, Refusal
from domain.plan.changes import quarantined
from domain.plan.generate import LIMIT, Generation, generate
from domain.plan.model import Plan
from domain.plan.rules import Rules, weight
from domain.time.working_calendar import Calendar
from tasks.flows.asset import check_asset
from tasks.flows.meter import update_attachment
from tasks.flows.occurrence import open_order, opening_of
from tasks.flows.order_clocks import POLICIES
from tasks.work import Work

MOST_ORDERS = 200
MOST_BYTES = 2 * 1024 * 1024
"""What one look may ask for, for its commit's sake; one occurrence it always may."""

QUARANTINED = "plan.quarantined"

_MOMENT = timedelta(milliseconds=1)
_PATHS: dict[type[Entity], str] = {Calendar: "calendar_id", Meter: "trigger"}


def references_of(rules: Rules) -> Iterable[tuple[type[Entity], str]]:
    """What rules name, for a command that is going to check it."""
    yield from ((Asset, target.asset_id) for target in rules.targets)
    yield from ((Part, part.part_id) for part in rules.template.parts)
    if rules.calendar_id is not None:
        yield Calendar, rules.calendar_id
    if rules.metering is not None:
        yield Meter, rules.metering.meter_id


def generation_reads(plan: Plan) -> Iterable[tuple[type[Entity], str]]:
    """What a look at a plan asks for, and the orders that it opens."""
    yield POLICIES
    yield from ((Asset, target.asset_id) for target in plan.rules.targets)
    yield from ((Part, part.part_id) for part in plan.rules.template.parts)
    if plan.rules.calendar_id is not None:
        yield Calendar, plan.rules.calendar_id


def check_references(work: Work, rules: Rules, *, known: Rules | None = None) -> None:
    """What the rules name exists, unless `known` rules named it before: who revises a plan's title is not to
    blame for an asset retired since. Raises: Missing; Rejected: asset_decommissioned.
    """
    taken = set(references_of(known)) if known else set()
    for kind, id in references_of(rules):
        if (kind, id) in taken:
            continue
        if kind is Asset:
            check_asset(work, id)
        elif work.peek(kind, id) is None:
            raise Missing(kind.kind, id, path=_PATHS.get(kind, "template"))


def calendar_of(work: Work, rules: Rules) -> Calendar | None:
    return work.peek(Calendar, rules.calendar_id) if rules.calendar_id else None


def save_change(work: Work, before: Plan | None, after: Plan, event: str, **data: Any) -> None:
    """Save and tell, unless nothing changed; and tell when that was the end of it, or put it aside."""
    if after == before:
        return
    work.save(after)
    work.emit(event, **{name: value for name, value in data.items() if value is not None})
    if event != "plan.ended" and before is not None:
        _tell_end(work, before, after)
    if event != QUARANTINED and before is not None and after.quarantine not in (None, before.quarantine):
        work.emit(QUARANTINED, code=after.quarantine.code, message=after.quarantine.message)
    update_attachment(work, before, after)


def generate_due(work: Work, plan: Plan, *, at: datetime) -> None:
    """Bring what is due. A plan whose rules no longer make sense is quarantined, and stops nobody else.

    `at` is the server time that the plan was found due at. The server's clock may have been set back since;
    that instant, though, is used up: nobody will ask for it again.
    """
    try:
        found = generate(
            plan,
            calendar_of(work, plan.rules),
            now=max(work.now, at),
            in_service=lambda id: _in_service(work, id),
            limit=_room(plan.rules),
        )
    except Refusal as refusal:
        after = quarantined(plan, code=refusal.code, message=refusal.message, at=work.now)
        save_change(work, plan, after, QUARANTINED, code=refusal.code, message=refusal.message)
        return
    after = found.plan
    if after.generate_at is not None and after.generate_at <= at:
        after = replace(after, generate_at=at + _MOMENT)
    if after == plan:
        return
    work.save(after)
    _order(work, plan, found)
    _tell(work, plan, found)
    update_attachment(work, plan, after)


def _room(rules: Rules) -> int:
    """Occurrences for one look."""
    return max(1, min(LIMIT, MOST_ORDERS // len(rules.order_lanes), MOST_BYTES // weight(rules)))


def _in_service(work: Work, asset_id: str) -> bool:
    asset = work.peek(Asset, asset_id)
    return asset is not None and asset.in_service


def _order(work: Work, before: Plan, found: Generation) -> None:
    """Open orders, have others added to and closed. One look may open an order and the one in its place."""
    plan_id = before.id
    for opened in found.opened:
        # A revision may have come into force between two occurrences of one look.
        is_old = opened.occurrence.revision == before.revision
        asked = opening_of(plan_id, before.rules if is_old else found.plan.rules, opened)
        step = f"{opened.lane}@{opened.occurrence.occurrence}"
        if opened.merged_into is None:
            open_order(work, asked)
        else:
            merge = {"work_order_id": opened.merged_into, "instead": asked}
            work.follow_up("work_order.merge_occurrence", merge, step=step)
    for id in found.superseded:
        payload = {"work_order_id": id, "plan_id": plan_id}
        work.follow_up("work_order.cancel_superseded", payload, step=f"supersede:{id}")


def _tell(work: Work, before: Plan, found: Generation) -> None:
    for skipped in found.skipped:
        work.emit(
            "plan.occurrence_skipped",
            occurrence=skipped.occurrence,
            lane=skipped.lane,
            code=skipped.code,
            reason=skipped.reason,
        )
    if found.opened:
        orders = [
            {"work_order_id": one.work_order_id, "occurrence": one.occurrence.occurrence, "lane": one.lane}
            for one in found.opened
        ]
        work.emit("plan.generated", orders=orders, revision=found.plan.revision)
    if not (found.opened or found.skipped):
        work.emit("plan.looked_at")
    _tell_end(work, before, found.plan)


def _tell_end(work: Work, before: Plan, after: Plan) -> None:
    if after.state == "ended" and before.state != "ended":
        work.emit("plan.ended", reason=after.ended_reason)
