"""The rules of a plan: when, for which assets, and the template of its orders."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from domain.errors import Rejected
from domain.fields import Description, MonthDay, Name, Quantity, Title
from domain.ids import Id
from domain.recurrence.times import check_trigger
from domain.recurrence.trigger import ByMeter, Timed, Trigger, metering, timing
from domain.time.durations import Duration, duration
from domain.work_order.checklist import NewItems
from domain.work_order.model import Priority, Type

PerTarget = Literal["one_order", "route"]
OnHoliday = Literal["keep", "skip", "before", "after"]
OpenPolicy = Literal["skip", "stack", "merge", "supersede"]
CatchUp = Literal["all", "latest", "none"]

MOST_LEAD = duration("P366D")
MOST_BYTES = 1024 * 1024
"""Bound on the orders of one occurrence, which are opened in one commit."""


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    asset_id: Id


class PlannedPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    part_id: Id
    quantity: Quantity


class Template(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The template of each order. On a route, the checklist is repeated for each asset."""

    title: Title
    description: Description | None = None
    type: Type = "preventive"
    priority: Priority = "medium"
    checklist: NewItems = ()
    parts: Annotated[tuple[PlannedPart, ...], Meta(max_length=50)] = ()
    assignee_ids: Annotated[tuple[Id, ...], Meta(max_length=50)] = ()
    team_id: Id | None = None


class Season(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"first": "from"}):
    """A span of days in any year, ends included; it may include New Year."""

    first: MonthDay
    to: MonthDay

    def holds(self, day: str) -> bool:
        """Whether MM-DD lies in it."""
        if self.first <= self.to:
            return self.first <= day <= self.to
        return day >= self.first or day <= self.to


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be revised. Orders already opened keep their revision."""

    name: Name
    trigger: Trigger
    targets: Annotated[tuple[Target, ...], Meta(min_length=1, max_length=200)]
    per_target: PerTarget = "one_order"
    template: Template
    lead_time: Duration | None = None
    due_window: Duration | None = None
    seasons: Annotated[tuple[Season, ...], Meta(max_length=12)] = ()
    calendar_id: Id | None = None
    on_holiday: OnHoliday = "keep"
    skip_every: Annotated[int, Meta(ge=2, le=1_000)] | None = None
    open_policy: OpenPolicy = "stack"
    catch_up: CatchUp = "all"

    @property
    def is_floating(self) -> bool:
        timed = self.timing
        return timed is not None and timed.basis == "floating"

    @property
    def timing(self) -> Timed | None:
        """The time part of the trigger; None if it is by meter only."""
        return timing(self.trigger)

    @property
    def metering(self) -> ByMeter | None:
        """The meter part of the trigger, if any."""
        return metering(self.trigger)

    @property
    def time_zone(self) -> str:
        timed = self.timing
        return timed.time_zone if timed else "UTC"

    @property
    def order_lanes(self) -> tuple[str, ...]:
        """One order each per occurrence: an asset's id, or the whole round."""
        if self.per_target == "route":
            return (ROUTE,)
        return tuple(target.asset_id for target in self.targets)

    @property
    def lanes(self) -> tuple[str, ...]:
        """The lanes with their own progress: in a floating plan, each order waits for its own completion."""
        return self.order_lanes if self.is_floating else (TOGETHER,)

    def assets(self, lane: str) -> tuple[str, ...]:
        return tuple(target.asset_id for target in self.targets if lane in (ROUTE, target.asset_id))


ROUTE = "route"
TOGETHER = "*"


def weight(rules: Rules) -> int:
    """The approximate bytes of one occurrence's orders: each asset has its own checklist."""
    return len(msgspec.json.encode(rules.template)) * len(rules.targets)


def check_rules(rules: Rules) -> None:
    """Check what types cannot. Raises: Rejected, naming the field."""
    if rules.timing is not None:
        check_trigger(rules.timing)
    check_meter(rules)
    if len({target.asset_id for target in rules.targets}) < len(rules.targets):
        raise Rejected("duplicate_target", "an asset is named twice", path="targets")
    if rules.lead_time and duration(rules.lead_time) > MOST_LEAD:
        raise Rejected("lead_too_long", "lead_time is at most a year", path="lead_time")
    if rules.on_holiday != "keep" and rules.calendar_id is None:
        raise Rejected("calendar_missing", "on_holiday needs calendar_id", path="calendar_id")
    if weight(rules) > MOST_BYTES:
        raise Rejected("template_too_large", "its template is too large for so many targets", path="template")


def check_meter(rules: Rules) -> None:
    """Raises: Rejected: needs_time, one_lane_only."""
    if rules.metering is None:
        return
    if rules.timing is None:
        shifts = {"lead_time": rules.lead_time, "seasons": rules.seasons, "skip_every": rules.skip_every}
        for name, value in (shifts | {"on_holiday": rules.on_holiday != "keep"}).items():
            if value:
                raise Rejected("needs_time", "a meter alone names no day that this could move", path=name)
    if rules.is_floating and len(rules.lanes) > 1:
        raise Rejected(
            "one_lane_only", "what counts from the last completion by meter is one order", path="per_target"
        )
