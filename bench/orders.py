"""The measured work: realistic work orders, and the commands on them.

An order's document has about 1.5 kB, a command's about 600 bytes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from typing import Any

from pymongo.collection import Collection

from adapters.commands import acceptance as intake
from adapters.commands.document import Key, Origin, TargetQueue, fingerprint, fresh, target_of
from adapters.mongo.client import Document
from adapters.process.clock import SystemClock
from domain.ids import uuid7
from tasks.catalogue import catalogue

TENANT = "bench"
USER = "01900000-0000-7000-8000-000000000001"
CHUNK = 500
ITEMS = 4
PER_TARGET = 5

_CLOCK = SystemClock()

_DESCRIPTION = (
    "Excavator stopped under load; operator reports slow boom, whining pump. Check oil level and suction "
    "strainer first, then relief pressure at both ports. Photos of the gauge wanted."
)
_TEXTS = (
    "Oil level within marks",
    "Suction strainer clean",
    "Relief pressure 343 bar",
    "No leak at the pump",
)
_NOTE = (
    "Strainer cleaned, pressure set again after twenty minutes warm-up; pump still whines above 1,900 rpm."
)

NewCommand = tuple[str, Document]
"""A command's type and payload."""


def new_id() -> str:
    return uuid7(_CLOCK.now(), os.urandom(10))


def user() -> Document:
    """The user who sends all commands."""
    return {
        "_id": f"{TENANT}/{USER}",
        "tenant_id": TENANT,
        "id": USER,
        "email": "supervisor@bench.test",
        "name": "Bench Supervisor",
        "roles": ["supervisor"],
        "active": True,
        "token_version": 0,
        "created_at": _CLOCK.now(),
    }


def target_queue(order: str, tenant: str = TENANT) -> TargetQueue:
    return tenant, f"work_order:{order}"


def create(order: str, items: Sequence[str]) -> NewCommand:
    checklist = [
        {"item_id": item, "text": _TEXTS[n % len(_TEXTS)], "kind": "pass_fail", "required": True}
        for n, item in enumerate(items)
    ]
    payload: Document = {
        "id": order,
        "title": "Boom slow, main pump noisy",
        "description": _DESCRIPTION,
        "type": "corrective",
        "priority": "high",
        "due_at": "2030-05-01T14:00:00Z",
        "assignee_ids": [USER],
        "checklist": checklist,
    }
    return "work_order.create", payload


def start(order: str) -> NewCommand:
    return "work_order.start", {"work_order_id": order}


def log_labor(order: str) -> NewCommand:
    day = _CLOCK.now().date().isoformat()
    payload = {"work_order_id": order, "minutes": 35, "worked_on": day, "kind": "regular", "note": _NOTE}
    return "work_order.labor.log", payload


def answer(order: str, item: str, *, passed: bool) -> NewCommand:
    value = "pass" if passed else "fail"
    return "work_order.checklist.answer", {"work_order_id": order, "item_id": item, "value": value}


def comment(order: str) -> NewCommand:
    return "work_order.comment.add", {"work_order_id": order, "text": _NOTE}


def target(life: Sequence[NewCommand]) -> str:
    """The target of an order's commands, which begin with its create."""
    _, payload = life[0]
    return f"work_order:{payload['id']}"


def life(order: str, length: int) -> list[NewCommand]:
    """The first `length` commands of one order: created, started, then worked on in turn."""
    items = [new_id() for _ in range(ITEMS)]
    commands = [create(order, items), start(order)]
    for turn in range(length // 3):
        # Another answer than the one before to the same item, so that each is a change.
        flips = turn // ITEMS
        commands += [
            log_labor(order),
            answer(order, items[turn % ITEMS], passed=flips % 2 == 0),
            comment(order),
        ]
    return commands[:length]


def accepted(command: NewCommand, tenant: str = TENANT) -> Document:
    """The command as the API would insert it."""
    type, payload = command
    spec = catalogue()[type]
    return fresh(
        spec,
        id=new_id(),
        tenant_id=tenant,
        target=target_of(spec, payload.get("id") or payload["work_order_id"]),
        payload=payload,
        origin=Origin(via="api", user_id=USER, request_id=new_id()),
        key=Key(USER, new_id(), fingerprint(type, payload, None)),
        accepted_at=_CLOCK.now(),
    )


def accept(commands: Collection[Any], orders: int, per_order: int, tenant: str = TENANT) -> list[TargetQueue]:
    """Accepts `per_order` commands for each order: all the creates, then all the second ones, and so on."""
    ids = [new_id() for _ in range(orders)]
    lives = [life(order, per_order) for order in ids]
    waiting = (accepted(command, tenant) for turn in zip(*lives, strict=True) for command in turn)
    while chunk := list(islice(waiting, CHUNK)):
        intake.accept_many(commands, chunk)
    return [target_queue(order, tenant) for order in ids]
