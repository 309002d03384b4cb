"""Plans of every sort, drawn by chance: whatever a planner may ask for and a clock decides."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from domain.errors import Rejected
from domain.plan.changes import new_plan
from domain.plan.rules import Rules
from domain.time.working_calendar import Calendar
from tests.support.seeds import new_id

ZONES = (
    "UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/St_Johns", "America/Santiago",
    "Asia/Kathmandu", "Asia/Tokyo", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Kiritimati",
    "Etc/GMT+12",
)  # fmt: skip

TIMES = ("00:00", "01:30", "02:00", "02:30", "03:00", "08:00", "12:15", "17:45", "23:45")
"""At quarters of an hour, in every zone: a test may end between two of them without anything being due."""

DENSE = (
    ("interval", 1, "day"),
    ("interval", 3, "day"),
    ("interval", 1, "week"),
    ("interval", 1, "month"),
    ("rrule", "FREQ=DAILY;INTERVAL=2;BYHOUR=2,3;BYMINUTE=30"),
    ("rrule", "FREQ=WEEKLY;BYDAY=MO,WE,SA"),
    ("rrule", "FREQ=HOURLY;INTERVAL=31"),
    ("rrule", "FREQ=MONTHLY;BYDAY=-1FR"),
)
SPARSE = (
    ("interval", 1, "year"),
    ("interval", 6, "month"),
    ("interval", 3, "month"),
    ("interval", 2, "month"),
    ("interval", 45, "day"),
    ("interval", 9, "week"),
    ("rrule", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1"),
    ("rrule", "FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU"),
    ("rrule", "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=31,-1"),
    ("rrule", "FREQ=MONTHLY;INTERVAL=3;BYDAY=1MO"),
)


class Planner:
    """Draws the rules of plans that begin at `start`, each of which has something to come."""

    def __init__(
        self, chance: random.Random, start: datetime, *, assets: Sequence[str], calendars: Sequence[Calendar]
    ) -> None:
        self._chance = chance
        self._start = start
        self._assets = assets
        self._calendars = {calendar.id: calendar for calendar in calendars}

    def plans(self, count: int, *, dense: float) -> Iterator[dict[str, Any]]:
        """Payloads of `plan.create`; `dense` is the share of those that recur often."""
        while count:
            payload = {"id": new_id(), **self._rules(dense)}
            if self._has_more(payload):
                count -= 1
                yield payload

    def _has_more(self, payload: dict[str, Any]) -> bool:
        rules = msgspec.convert({key: payload[key] for key in payload if key != "id"}, Rules)
        calendar = self._calendars.get(rules.calendar_id or "")
        try:
            new_plan(payload["id"], rules, calendar, at=self._start, now=self._start)
        except Rejected:
            return False
        return True

    def _rules(self, dense: float) -> dict[str, Any]:
        chance = self._chance
        targets = chance.sample(self._assets, chance.choices((1, 2, 3), (80, 15, 5))[0])
        rules: dict[str, Any] = {
            "name": "Round",
            "trigger": self._trigger(DENSE if chance.random() < dense else SPARSE),
            "targets": [{"asset_id": asset} for asset in targets],
            "per_target": chance.choice(("one_order", "route")),
            "template": {"title": "Look after it", "checklist": [{"text": "Is it tight?", "kind": "check"}]},
            "catch_up": chance.choices(("all", "latest", "none"), (60, 20, 20))[0],
            "open_policy": chance.choices(("stack", "skip", "merge", "supersede"), (85, 5, 5, 5))[0],
        }
        if chance.random() < 0.4:
            rules["lead_time"] = chance.choice(("PT6H", "P1D", "P7D", "P45D"))
        if chance.random() < 0.2:
            rules["skip_every"] = chance.choice((2, 3, 5, 12))
        if chance.random() < 0.15:
            rules["seasons"] = [
                {"from": chance.choice(("10-15", "03-20")), "to": chance.choice(("04-10", "01-31"))}
            ]
        if chance.random() < 0.25:
            rules |= {"calendar_id": chance.choice([*self._calendars]), "on_holiday": self._on_holiday()}
        if rules["catch_up"] == "none":
            rules["due_window"] = chance.choice(("P1D", "P2D", "P4D"))
        return rules

    def _on_holiday(self) -> str:
        return self._chance.choice(("keep", "skip", "before", "after"))

    def _trigger(self, sorts: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
        chance = self._chance
        kind, *how = chance.choice(sorts)
        begins = self._start + timedelta(
            days=chance.randint(-400, 300) if sorts is SPARSE else chance.randint(-60, 10)
        )
        trigger: dict[str, Any] = {
            "kind": kind,
            "start_local": f"{begins:%Y-%m-%d}T{chance.choice(TIMES)}",
            "time_zone": chance.choice(ZONES),
        }
        trigger |= dict(zip(("every", "unit") if kind == "interval" else ("rrule",), how, strict=True))
        if chance.random() < 0.1:
            trigger["ends_on"] = f"{self._start + timedelta(days=chance.randint(30, 300)):%Y-%m-%d}"
        elif chance.random() < 0.1:
            trigger["count"] = chance.randint(2, 120)
        return trigger


def holidays(name: str, time_zone: str, days: Sequence[str]) -> Calendar:
    return replace(Calendar(id=new_id(), name=name, time_zone=time_zone), version=1, holidays=tuple(days))
