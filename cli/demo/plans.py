"""The demo's maintenance plans: on the first start they bring orders within a minute, before one's eyes."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from pymongo.database import Database

from adapters.process.clock import Clock
from cli.demo import first_start
from cli.demo.first_start import id_of
from cli.importing import permitted
from domain.time.local_time import format_local, to_local

Document = dict[str, Any]

PLANNER = "admin@demo.millwright.test"
ZONE = "Australia/Perth"
SOON = timedelta(seconds=30)

HOLIDAYS = ["2026-12-25", "2026-12-28", "2027-01-01", "2027-01-26", "2027-03-29", "2027-04-26"]
WORKDAYS = [{"weekday": day, "from": "06:00", "to": "18:00"} for day in range(1, 6)]


def seed(db: Database[Document], clock: Clock) -> bool:
    """Asks for calendar, assets, policies and plans once; a worker and the scheduler do the rest."""
    return first_start.accept_once(
        db, permitted(db, PLANNER), "demo-first-start", _commands(clock.now()), clock
    )


def _commands(now: datetime) -> Iterator[tuple[str, Document]]:
    yield (
        "calendar.set",
        {
            "id": id_of("calendar"),
            "name": "Western Australia",
            "time_zone": ZONE,
            "holidays": HOLIDAYS,
            "working_hours": WORKDAYS,
        },
    )
    for name in ("Wash bay pump", "Compressor", "Fuel bay"):
        yield (
            "asset.create",
            {"id": id_of(name), "name": name, "location": "Workshop", "criticality": "medium"},
        )
    yield from _policies()
    yield from _meter()
    yield from _plans(format_local(to_local(now + SOON, ZONE).replace(microsecond=0)))


def _policies() -> Iterator[tuple[str, Document]]:
    yield (
        "sla.policy.set",
        {
            "id": id_of("sla"),
            "name": "Urgent work",
            "applies": {"priorities": ["critical", "high"]},
            "response": "PT1H",
            "resolve": "PT8H",
            "calendar_id": id_of("calendar"),
            "pause_on": ["parts", "weather"],
            "escalations": [
                {"trigger": "response", "offset": "-PT15M", "notify": ["supervisor"], "channels": ["in_app"]}
            ],
        },
    )
    yield (
        "reminder.policy.set",
        {
            "id": id_of("reminders"),
            "name": "Everybody's work",
            "applies": {},
            "before_due": ["P1D"],
            "overdue": [
                {"after": "PT30S", "notify": ["assignee"], "channels": ["in_app"]},
                {"after": "P1D", "notify": ["supervisor"], "channels": ["in_app"]},
            ],
        },
    )


def _plans(start: str) -> Iterator[tuple[str, Document]]:
    daily = {"kind": "interval", "every": 1, "unit": "day", "start_local": start, "time_zone": ZONE}
    weekly = {"kind": "rrule", "rrule": "FREQ=WEEKLY", "start_local": start, "time_zone": ZONE}
    pump = [{"asset_id": id_of("Wash bay pump")}]
    everything = [{"asset_id": id_of(name)} for name in ("Wash bay pump", "Compressor", "Fuel bay")]
    check = {"text": "No leaks, no noises", "kind": "pass_fail", "required": True}
    level = {"text": "Oil level", "kind": "number", "unit": "mm", "min": 0, "max": 200}
    yield (
        "plan.create",
        {
            "id": id_of("walk-round"),
            "name": "Daily walk-round",
            "trigger": daily,
            "targets": everything,
            "per_target": "route",
            "template": {"title": "Walk-round of the workshop", "type": "inspection", "checklist": [check]},
            "calendar_id": id_of("calendar"),
            "on_holiday": "skip",
            "open_policy": "supersede",
        },
    )
    yield (
        "plan.create",
        {
            "id": id_of("grease"),
            "name": "Grease the pump, 30 days after the last time",
            "trigger": daily | {"every": 30, "basis": "floating"},
            "targets": pump,
            "template": {"title": "Grease the wash bay pump", "checklist": [check, level]},
            "due_window": "P3D",
        },
    )
    yield (
        "plan.create",
        {
            "id": id_of("filters"),
            "name": "Filters, weekly, told two days ahead",
            "trigger": weekly,
            "targets": everything[:2],
            "template": {"title": "Change the filters", "priority": "high"},
            "lead_time": "P2D",
            "open_policy": "skip",
        },
    )


def _meter() -> Iterator[tuple[str, Document]]:
    """Running hours, and a reading that brings the service at 250 of them."""
    hours, plan = id_of("compressor hours"), id_of("service")
    meter = {"id": hours, "asset_id": id_of("Compressor"), "name": "Running hours", "unit": "h"}
    yield "meter.create", meter
    yield (
        "plan.create",
        {
            "id": plan,
            "name": "Service the compressor every 250 hours",
            "trigger": {"kind": "meter", "meter_id": hours, "every": 250, "start_value": 250},
            "targets": [{"asset_id": id_of("Compressor")}],
            "template": {"title": "Service the compressor", "parts": []},
        },
    )
    yield "meter.reading.record", {"meter_id": hours, "value": "251.5", "kind": "reading"}
