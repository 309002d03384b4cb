"""What is asked of each work order in a storm, and an oracle that knows from the receipts what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pymongo.database import Database

from adapters.mongo.client import Document

DAY = "2026-03-02"

Step = tuple[str, Document]


def story(order_id: str, part_id: str, number: int) -> list[Step]:
    """Ten commands; five of them only make sense in this order, two are always refused."""
    return [
        (
            "work_order.create",
            {"id": order_id, "title": f"order {number}", "type": "corrective", "priority": "high"},
        ),
        ("work_order.start", {"work_order_id": order_id}),
        ("work_order.labor.log", labor(order_id, 7 + number % 5)),
        ("work_order.comment.add", {"work_order_id": order_id, "text": "first"}),
        ("work_order.hold", {"work_order_id": order_id, "reason": "parts"}),
        (
            "work_order.parts.consume",
            {"work_order_id": order_id, "part_id": part_id, "quantity": 1 + number % 3},
        ),
        ("work_order.close", {"work_order_id": order_id}),
        ("work_order.resume", {"work_order_id": order_id}),
        ("work_order.labor.log", labor(order_id, 11)),
        ("work_order.complete", {"work_order_id": order_id, "note": "done"}),
    ]


def labor(order_id: str, minutes: int) -> Document:
    return {"work_order_id": order_id, "minutes": minutes, "worked_on": DAY, "kind": "regular"}


MOVES = {
    "work_order.create": (None, "requested"),
    "work_order.start": ("requested", "in_progress"),
    "work_order.hold": ("in_progress", "on_hold"),
    "work_order.resume": ("on_hold", "in_progress"),
    "work_order.complete": ("in_progress", "completed"),
    "work_order.close": ("completed", "closed"),
}


def check_target(db: Database[Any], tenant_id: str, order_id: str) -> Counter[str]:
    """One order against its receipts, command by command in the order of acceptance. Returns final states."""
    target = {"tenant_id": tenant_id, "target": f"work_order:{order_id}"}
    commands = list(db.commands.find(target).sort("seq", 1))
    events = list(db.events.find(target | {"version": {"$ne": None}}).sort("version", 1))
    order = db.work_orders.find_one({"_id": f"{tenant_id}/{order_id}"})
    status: str | None = None
    applied: list[Document] = []
    for command in commands:
        before, after = MOVES.get(command["type"], (status, status))
        runs = before == status and (status is not None or command["type"] == "work_order.create")
        if command["state"] == "applied":
            assert runs, f"{command['type']} was applied to an order that is {status}"
            status = after
            applied.append(command)
        elif command["state"] == "rejected":
            assert not runs, f"{command['type']} was refused on an order that is {status}"
    told = [event["command_id"] for event in events if not event["type"].startswith("command.")]
    assert told == [command["_id"] for command in applied], "each effect once, in the order of acceptance"
    if order is not None:
        assert (order["status"], order["version"]) == (status, len(applied))
        _check_books(db, target, order, applied)
    return Counter(command["state"] for command in commands)


def _check_books(db: Database[Any], target: Document, order: Document, applied: Sequence[Document]) -> None:
    rows = list(db.entries.find(target))
    minutes = [
        command["payload"]["minutes"] for command in applied if command["type"] == "work_order.labor.log"
    ]
    used = [
        command["payload"]["quantity"] for command in applied if command["type"] == "work_order.parts.consume"
    ]
    assert sorted(row["minutes"] for row in rows if row["kind"] == "labor") == sorted(minutes)
    assert order["labor_minutes"] == sum(minutes)
    assert sorted(row["quantity"] for row in rows if row["kind"] == "part") == [
        Decimal(number) for number in used
    ]
    comments = [command for command in applied if command["type"] == "work_order.comment.add"]
    assert order["comment_count"] == len(comments) == sum(row["kind"] == "comment" for row in rows)


def check_part(db: Database[Any], tenant_id: str, part_id: str) -> None:
    """Stock is what the orders used, each use once, whatever became of workers in between."""
    query = {"tenant_id": tenant_id, "type": "work_order.parts.consume", "state": "applied"}
    uses = [row for row in db.commands.find(query) if row["payload"]["part_id"] == part_id]
    issued = list(
        db.commands.find({"tenant_id": tenant_id, "target": f"part:{part_id}", "type": "part.issue"})
    )
    assert sorted(row["origin"]["parent"] for row in issued) == sorted(row["_id"] for row in uses)
    settled = [row for row in issued if row["state"] == "applied"]
    part = db.parts.find_one({"_id": f"{tenant_id}/{part_id}"})
    assert part is not None
    assert part["stock"] == -sum(Decimal(row["payload"]["quantity"]) for row in settled)
    rows = list(db.entries.find({"tenant_id": tenant_id, "target": f"part:{part_id}"}))
    assert len(rows) == len(settled)
    assert sum(row["quantity"] for row in rows) == part["stock"]
