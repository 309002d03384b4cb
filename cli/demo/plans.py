"""The demo's maintenance plans: on the first start they bring orders within a minute, before one's eyes."""

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from pymongo.database import Database

from adapters.commands.acceptance import accept_many
from adapters.commands.document import Key, Origin, fingerprint, fresh, target_of
from adapters.process.clock import Clock
from cli.importing import permitted
from domain.ids import uuid7
from domain.time.local_time import format_local, to_local
from tasks.catalogue import catalogue

Document = dict[str, Any]

PLANNER = "admin@demo.millwright.test"
ZONE = "Australia/Perth"
SOON = timedelta(seconds=30)
_BORN = datetime(2026, 1, 1, tzinfo=UTC)

HOLIDAYS = ["2026-12-25", "2026-12-28", "2027-01-01", "2027-01-26", "2027-03-29", "2027-04-26"]
WORKDAYS = [{"weekday": day, "from": "06:00", "to": "18:00"} for day in range(1, 6)]


def seed(db: Database[Document], clock: Clock) -> bool:
    """Asks for calendar, assets, policies and plans once; a worker and the scheduler do the rest."""
    user = permitted(db, PLANNER)
    first = {"tenant_id": user["tenant_id"], "idempotency.key": _key("calendar.set", 0)}
    if db.commands.count_documents(first, limit=1):
        return False
    asked = list(_asked(clock.now()))
    commands = [_command(user, type, payload, place, clock) for place, (type, payload) in enumerate(asked)]
    accept_many(db.commands, commands)
    return True


def id_of(name: str) -> str:
    """The same thing has the same id in every demo."""
    return uuid7(_BORN, hashlib.sha256(f"demo:{name}".encode()).digest())


def _asked(now: datetime) -> Iterator[tuple[str, Document]]:
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


def _key(type: str, place: int) -> str:
    return f"demo-first-start-{place:02d}-{type}"


def _command(user: Document, type: str, payload: Document, place: int, clock: Clock) -> Document:
    spec = catalogue()[type]
    id = spec.target_id(msgspec.convert(payload, spec.payload), user["id"])
    assert id is not None, "the demo names all that it makes"
    return fresh(
        spec,
        id=uuid7(clock.now(), os.urandom(10)),
        tenant_id=user["tenant_id"],
        target=target_of(spec, id),
        payload=payload,
        origin=Origin(via="api", user_id=user["id"], request_id="demo"),
        key=Key(user["id"], _key(type, place), fingerprint(type, payload, None)),
        accepted_at=clock.now(),
    )
