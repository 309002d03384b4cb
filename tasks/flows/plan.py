"""What plan commands share: checking references, saving with events, and generating due orders."""

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
"""Most orders and payload bytes of one generation, to bound its commit; one occurrence is always allowed."""

QUARANTINED = "plan.quarantined"

_MOMENT = timedelta(milliseconds=1)
_PATHS: dict[type[Entity], str] = {Calendar: "calendar_id", Meter: "trigger"}


def references_of(rules: Rules) -> Iterable[tuple[type[Entity], str]]:
    """The entities that rules refer to, for a command that checks them."""
    yield from ((Asset, target.asset_id) for target in rules.targets)
    yield from ((Part, part.part_id) for part in rules.template.parts)
    if rules.calendar_id is not None:
        yield Calendar, rules.calendar_id
    if rules.metering is not None:
        yield Meter, rules.metering.meter_id


def generation_reads(plan: Plan) -> Iterable[tuple[type[Entity], str]]:
    """For `refers=`: the entities that generating a plan's orders reads."""
    yield POLICIES
    yield from ((Asset, target.asset_id) for target in plan.rules.targets)
    yield from ((Part, part.part_id) for part in plan.rules.template.parts)
    if plan.rules.calendar_id is not None:
        yield Calendar, plan.rules.calendar_id


def check_references(work: Work, rules: Rules, *, known: Rules | None = None) -> None:
    """Check that all entities the rules refer to exist, except those that the `known` rules refer to already:
    to revise a plan's title must not fail on an asset that was decommissioned since.

    Raises: Missing; Rejected: asset_decommissioned.
    """
    unchecked = set(references_of(known)) if known else set()
    for kind, id in references_of(rules):
        if (kind, id) in unchecked:
            continue
        if kind is Asset:
            check_asset(work, id)
        elif work.peek(kind, id) is None:
            raise Missing(kind.kind, id, path=_PATHS.get(kind, "template"))


def calendar_of(work: Work, rules: Rules) -> Calendar | None:
    """The calendar of the rules, if they name one."""
    return work.peek(Calendar, rules.calendar_id) if rules.calendar_id else None


def save_change(work: Work, before: Plan | None, after: Plan, event: str, **data: Any) -> None:
    """Save the changed plan and emit the event; nothing if it is unchanged. Also emits `plan.ended` and
    `plan.quarantined` if the change had that effect."""
    if after == before:
        return
    work.save(after)
    work.emit(event, **{name: value for name, value in data.items() if value is not None})
    if event != "plan.ended" and before is not None:
        _emit_end(work, before, after)
    if event != QUARANTINED and before is not None and after.quarantine not in (None, before.quarantine):
        work.emit(QUARANTINED, code=after.quarantine.code, message=after.quarantine.message)
    update_attachment(work, before, after)


def generate_due(work: Work, plan: Plan, *, at: datetime) -> None:
    """Open the orders that are due. A plan whose rules fail is quarantined, so that it blocks no other.

    `at` is the server time the plan was due at. It counts as reached, even if the server's clock has been set
    back since: nobody requests that instant again.
    """
    try:
        generation = generate(
            plan,
            calendar_of(work, plan.rules),
            now=max(work.now, at),
            in_service=lambda id: _in_service(work, id),
            limit=_most_occurrences(plan.rules),
        )
    except Refusal as refusal:
        after = quarantined(plan, code=refusal.code, message=refusal.message, at=work.now)
        save_change(work, plan, after, QUARANTINED, code=refusal.code, message=refusal.message)
        return
    after = generation.plan
    if after.generate_at is not None and after.generate_at <= at:
        after = replace(after, generate_at=at + _MOMENT)
    if after == plan:
        return
    work.save(after)
    _open_orders(work, plan, generation)
    _emit_generation(work, plan, generation)
    update_attachment(work, plan, after)


def _most_occurrences(rules: Rules) -> int:
    """Most occurrences of one generation."""
    return max(1, min(LIMIT, MOST_ORDERS // len(rules.order_lanes), MOST_BYTES // weight(rules)))


def _in_service(work: Work, asset_id: str) -> bool:
    asset = work.peek(Asset, asset_id)
    return asset is not None and asset.in_service


def _open_orders(work: Work, before: Plan, generation: Generation) -> None:
    """Open orders, merge occurrences into open ones, and cancel superseded ones. One generation may open an
    order and supersede it."""
    plan_id = before.id
    for opened in generation.opened:
        # A revision may take effect between two occurrences of one generation.
        is_old = opened.occurrence.revision == before.revision
        opening = opening_of(plan_id, before.rules if is_old else generation.plan.rules, opened)
        step = f"{opened.lane}@{opened.occurrence.occurrence}"
        if opened.merged_into is None:
            open_order(work, opening)
        else:
            merge = {"work_order_id": opened.merged_into, "instead": opening}
            work.follow_up("work_order.merge_occurrence", merge, step=step)
    for id in generation.superseded:
        payload = {"work_order_id": id, "plan_id": plan_id}
        work.follow_up("work_order.cancel_superseded", payload, step=f"supersede:{id}")


def _emit_generation(work: Work, before: Plan, generation: Generation) -> None:
    for skipped in generation.skipped:
        work.emit(
            "plan.occurrence_skipped",
            occurrence=skipped.occurrence,
            lane=skipped.lane,
            code=skipped.code,
            reason=skipped.reason,
        )
    if generation.opened:
        orders = [
            {
                "work_order_id": order.work_order_id,
                "occurrence": order.occurrence.occurrence,
                "lane": order.lane,
            }
            for order in generation.opened
        ]
        work.emit("plan.generated", orders=orders, revision=generation.plan.revision)
    if not (generation.opened or generation.skipped):
        work.emit("plan.looked_at")
    _emit_end(work, before, generation.plan)


def _emit_end(work: Work, before: Plan, after: Plan) -> None:
    if after.state == "ended" and before.state != "ended":
        work.emit("plan.ended", reason=after.ended_reason)
