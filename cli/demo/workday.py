"""A technician's day: what the demo's `tech` finds on the phone at the first start."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from pymongo.database import Database

from adapters.process.clock import Clock
from cli.demo import first_start
from cli.demo.first_start import id_of, user_of
from domain.time.instants import rfc3339

Document = dict[str, Any]

PLANNER = "planner@demo.millwright.test"
TECHNICIAN = "tech@demo.millwright.test"

HOURS = id_of("excavator hours")
ASSETS = (
    ("Excavator F", None, "SHD24", "Pit 4, bench 3", "high"),
    ("Bucket", "Excavator F", "SHD24-BKT", None, "medium"),
    ("Slew drive", "Excavator F", "SHD24-SLW", None, "high"),
    ("Right engine", "Excavator F", "SHD24-ENR", None, "high"),
    ("Excavator G", None, "SHD25", "Pit 4, bench 1", "high"),
    ("Cab", "Excavator G", "SHD25-CAB", None, "low"),
)
PARTS = (
    ("Bucket tooth V39", "V39", "pcs", 3),
    ("Adapter pin 50 mm", "AP-50", "pcs", 0),
    ("Hydraulic filter 10 µm", "HF-10", "pcs", 12),
)

CHECKED: tuple[Document, ...] = (
    {"text": "Isolated and locked out", "kind": "check", "required": True},
    {"text": "Wear of adapter nose", "kind": "number", "unit": "mm", "min": 8, "max": 12, "required": True},
    {"text": "Adapter pin retained", "kind": "check", "required": True},
    {
        "text": "Torque of wedge bolt",
        "kind": "number",
        "unit": "Nm",
        "min": 620,
        "max": 680,
        "required": True,
    },
    {"text": "Neighbouring teeth seated", "kind": "check", "required": False},
)
LEAK: tuple[Document, ...] = (
    {"text": "Isolated and locked out", "kind": "check", "required": True},
    {"text": "No leak at working pressure", "kind": "pass_fail", "required": True},
    {"text": "Brake pressure", "kind": "number", "unit": "bar", "min": 28, "max": 35, "required": False},
    {"text": "Note on the seal", "kind": "text", "required": False},
)

Order = tuple[str, str, str, timedelta, tuple[Document, ...], tuple[tuple[str, int], ...]]
ORDERS: tuple[Order, ...] = (
    ("Slew brake light staying on", "Cab", "medium", timedelta(days=-2), LEAK, ()),
    ("Left engine exhaust leaks", "Excavator F", "high", timedelta(days=-1), (), ()),
    (
        "Replace bucket tooth",
        "Bucket",
        "high",
        timedelta(hours=3),
        CHECKED,
        (("Bucket tooth V39", 1), ("Adapter pin 50 mm", 1)),
    ),
    ("Oil leak RH Slew pump servo piston cover", "Slew drive", "high", timedelta(hours=2), LEAK, ()),
    ("R/h slewbox chip indicator leaking", "Slew drive", "medium", timedelta(hours=4), LEAK, ()),
    (
        "Change hydraulic filters",
        "Right engine",
        "medium",
        timedelta(days=2),
        (),
        (("Hydraulic filter 10 µm", 2),),
    ),
    ("Replace centrifugal spinner gasket", "Right engine", "low", timedelta(days=5), (), ()),
)


def seed(db: Database[Document], clock: Clock) -> bool:
    """Asks for assets, parts and orders once; a worker does the rest. False: they were asked for before."""
    planner, technician = user_of(db, PLANNER), user_of(db, TECHNICIAN)
    if not first_start.accept_once(
        db, planner, "demo-workday", _commands(clock.now(), technician["id"]), clock
    ):
        return False
    reading = {"meter_id": HOURS, "value": "41208", "kind": "reading"}
    return first_start.accept_once(db, technician, "demo-hours", [("meter.reading.record", reading)], clock)


def _commands(now: datetime, technician: str) -> Iterator[tuple[str, Document]]:
    for name, parent, tag, location, criticality in ASSETS:
        asset = {"id": id_of(name), "name": name, "tag": tag, "criticality": criticality}
        asset |= {"parent_id": id_of(parent)} if parent else {}
        asset |= {"location": location} if location else {}
        yield "asset.create", asset
    yield "meter.create", {"id": HOURS, "asset_id": id_of("Excavator F"), "name": "Hour meter", "unit": "h"}
    for name, number, unit, stock in PARTS:
        yield "part.create", {"id": id_of(name), "name": name, "number": number, "unit": unit}
        if stock:
            yield "part.receive", {"part_id": id_of(name), "quantity": str(stock)}
    for title, asset_name, priority, due_in, checklist, parts in ORDERS:
        yield (
            "work_order.create",
            {
                "id": id_of(title),
                "title": title,
                "type": "corrective",
                "priority": priority,
                "asset_id": id_of(asset_name),
                "due_at": rfc3339(now + due_in),
                "assignee_ids": [technician],
                "checklist": list(checklist),
                "parts": [{"part_id": id_of(part), "quantity": count} for part, count in parts],
            },
        )
