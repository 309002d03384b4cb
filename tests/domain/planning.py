"""A plan that lives in memory: looked at when the test says so, its orders ended when the test says so."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from domain.plan.changes import new_plan, revised
from domain.plan.generate import LIMIT, Generation, Opened, generate
from domain.plan.model import OpenOrder, Plan, Skipped
from domain.plan.order_endings import order_ended, order_reopened
from domain.plan.rules import Rules
from domain.time.working_calendar import Calendar

PUMP, FAN = "01900000-0000-7000-8000-000000000301", "01900000-0000-7000-8000-000000000302"
CALENDAR = "01900000-0000-7000-8000-000000000500"
BERLIN = "Europe/Berlin"
DAY = timedelta(days=1)


def utc(text: str) -> datetime:
    """`2026-03-02` or `2026-03-02T08:00`, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def every(step: int, unit: str, start: str, **more: Any) -> dict[str, Any]:
    trigger = {"kind": "interval", "every": step, "unit": unit, "start_local": start, "time_zone": BERLIN}
    return trigger | more


def by_rule(rule: str, start: str, **more: Any) -> dict[str, Any]:
    return {"kind": "rrule", "rrule": rule, "start_local": start, "time_zone": BERLIN} | more


def rules(trigger: dict[str, Any], **more: Any) -> Rules:
    asked = {
        "name": "Round",
        "trigger": trigger,
        "targets": [{"asset_id": PUMP}],
        "template": {"title": "Look after it"},
    }
    return msgspec.convert(asked | more, Rules)


def holidays(*days: str) -> Calendar:
    return Calendar(id=CALENDAR, version=1, name="Works", time_zone=BERLIN, holidays=days)


class Life:
    """One plan and all that came of it."""

    def __init__(
        self, trigger: dict[str, Any], *, at: str, calendar: Calendar | None = None, **more: Any
    ) -> None:
        self.calendar = calendar
        more |= {"calendar_id": CALENDAR} if calendar else {}
        born = utc(at)
        self.plan: Plan = new_plan("plan-1", rules(trigger, **more), calendar, at=born, now=born)
        self.opened: list[Opened] = []
        self.skipped: list[Skipped] = []
        self.superseded: list[str] = []
        self.retired: set[str] = set()

    def look(self, at: datetime | str, *, limit: int = LIMIT) -> Generation:
        """One look, whether the plan asked for it or not."""
        now = utc(at) if isinstance(at, str) else at
        found = generate(
            self.plan, self.calendar, now=now, in_service=lambda id: id not in self.retired, limit=limit
        )
        self.plan = found.plan
        self.opened += found.opened
        self.skipped += found.skipped
        self.superseded += found.superseded
        return found

    def until(self, at: datetime | str) -> None:
        """As the schedule does it: looked at whenever the plan says so, up to then."""
        end = utc(at) if isinstance(at, str) else at
        for _ in range(20_000):
            if self.plan.generate_at is None or self.plan.generate_at > end:
                return
            self.look(self.plan.generate_at)
        raise AssertionError("a plan that is due for ever")

    def catch_up(self, at: datetime | str) -> None:
        """After an outage: looks at that one time until nothing is due any more."""
        now = utc(at) if isinstance(at, str) else at
        for _ in range(20_000):
            if self.plan.generate_at is None or self.plan.generate_at > now:
                return
            self.look(now)
        raise AssertionError("a plan that is due for ever")

    def end(self, order: Opened, at: str, *, now: str | None = None) -> None:
        """Completed or cancelled at that time; the server may hear of it later."""
        self.plan = order_ended(
            self.plan, _open(order), self.calendar, at=utc(at), now=utc(now) if now else utc(at)
        )

    def reopen(self, order: Opened, at: str) -> None:
        self.plan = order_reopened(self.plan, _open(order), self.calendar, now=utc(at))

    def revise(self, now: str, effective_from: str | None = None, **changes: Any) -> None:
        """By other rules, as a person asks for them."""
        patched = msgspec.convert(msgspec.to_builtins(self.plan.rules) | changes, Rules)
        self.plan = revised(self.plan, patched, self.calendar, effective_from=effective_from, now=utc(now))

    def override_calendar(self, calendar: Calendar) -> None:
        self.calendar = replace(calendar, version=(self.calendar.version if self.calendar else 0) + 1)

    @property
    def dues(self) -> list[str]:
        """The orders' due times, as the clock shows them in UTC."""
        return [f"{one.occurrence.due_at:%Y-%m-%dT%H:%M}" for one in self.opened]

    @property
    def days(self) -> list[str]:
        """The days the orders are for, by the plan alone."""
        return [one.occurrence.occurrence[:10] for one in self.opened]

    @property
    def left_out(self) -> list[tuple[str, str]]:
        return [(one.occurrence[:10], one.code) for one in self.skipped]


def identities(opened: Iterable[Opened]) -> list[tuple[str, str]]:
    return [(one.lane, one.occurrence.occurrence) for one in opened]


def _open(order: Opened) -> OpenOrder:
    return OpenOrder(
        work_order_id=order.work_order_id, lane=order.lane, occurrence=order.occurrence.occurrence
    )
