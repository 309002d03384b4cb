"""Applies the bench's commands by plain functions over plain documents, for the rivals.

They write what a worker of ours writes, field by field (a test compares them), and leave out what makes ours
safe: no order per target, no permission, no validation, no losses. Human numbers cost them nothing.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from adapters.commands.document import event
from adapters.commands.verdict_updates import verdict_update
from adapters.commands.verdicts import Verdict
from adapters.mongo.client import Document
from bench.orders import new_id
from domain.work_order.model import WorkOrder
from locks.idempotency import KEYS_KEPT

_KEPT = (datetime, Decimal)


class Written(msgspec.Struct, frozen=True):
    """What one command writes: the order's new document, perhaps a ledger row, an event, the update."""

    order: Document
    row: Document | None
    event: Document
    update: Document


def order_id(command: Document) -> str:
    """`_id` of the order's document."""
    return f"{command['tenant_id']}/{command['target'].partition(':')[2]}"


def apply(command: Document, order: Document | None, *, now: datetime) -> Written:
    """Raises: LookupError: the order does not exist yet, and this is not its create."""
    type, payload, by = command["type"], command["payload"], command["origin"]["user_id"]
    row: Document | None = None
    changes: Document
    facts: Document
    if type == "work_order.create":
        changes = _created(command, payload, now)
        facts = {name: changes[name] for name in ("number", "title", "status")}
        return _written(command, {}, changes, None, now, "work_order.created", facts)
    if order is None:
        raise LookupError(f"{command['target']} does not exist yet")
    if type == "work_order.start":
        transition = {"action": "start", "by": by, "at": now}
        changes = {"status": "in_progress", "moved": transition, "started_at": now}
        was = {"status": order["status"]}
        return _written(command, order, changes, None, now, "work_order.started", {}, was)
    if type == "work_order.labor.log":
        facts = {"minutes": payload["minutes"], "worked_on": payload["worked_on"]}
        row = _row(command, now, "labor", facts | {"category": payload["kind"], "note": payload["note"]})
        changes = {"labor_minutes": order["labor_minutes"] + payload["minutes"]}
        return _written(command, order, changes, row, now, "work_order.labor_logged", facts)
    if type == "work_order.comment.add":
        facts = {"mentions": []}
        row = _row(command, now, "comment", facts | {"text": payload["text"]})
        changes = {"comment_count": order["comment_count"] + 1}
        return _written(command, order, changes, row, now, "work_order.commented", facts)
    changes = {"checklist": [_answered(item, command, now) for item in order["checklist"]]}
    facts = {"item_id": payload["item_id"], "value": payload["value"]}
    item = f"checklist/{payload['item_id']}"
    was = {item: _value(order, payload["item_id"])}
    return _written(command, order, changes, None, now, "work_order.checklist_answered", facts, was)


def _created(command: Document, payload: Document, now: datetime) -> Document:
    blank = WorkOrder(
        id=payload["id"],
        number=f"WO-{int(payload['id'][-12:], 16):015d}",
        title=payload["title"],
        description=payload["description"],
        status="assigned",
        type=payload["type"],
        priority=payload["priority"],
        due_at=datetime.fromisoformat(payload["due_at"]),
        assignee_ids=tuple(payload["assignee_ids"]),
        created_by=command["origin"]["user_id"],
        created_at=now,
    )
    checklist = [dict.fromkeys(_ITEM) | item for item in payload["checklist"]]
    head = {"_id": order_id(command), "tenant_id": command["tenant_id"], "schema_version": 1}
    fields: Document = msgspec.to_builtins(blank, builtin_types=_KEPT)
    return head | fields | {"checklist": checklist}


_HEAD = ("_id", "tenant_id", "schema_version")
_ITEM = (
    "item_id", "text", "kind", "required", "unit", "min", "max",
    "value", "answered_by", "answered_at", "evidence_sha256", "asset_id",
)  # fmt: skip


def _answered(item: Document, command: Document, now: datetime) -> Document:
    payload = command["payload"]
    if item["item_id"] != payload["item_id"]:
        return item
    by = command["origin"]["user_id"]
    return item | {"value": payload["value"], "answered_by": by, "answered_at": now}


def _value(order: Document, item_id: str) -> object:
    return next(item["value"] for item in order["checklist"] if item["item_id"] == item_id)


def _row(command: Document, now: datetime, kind: str, fields: Document) -> Document:
    id = new_id()
    return {
        "_id": f"{command['tenant_id']}/{id}",
        "tenant_id": command["tenant_id"],
        "target": command["target"],
        "kind": kind,
        "id": id,
        "at": now,
        "by": command["origin"]["user_id"],
        "voided": None,
        **fields,
    }


def _written(
    command: Document,
    order: Document,
    changes: Document,
    row: Document | None,
    now: datetime,
    name: str,
    facts: Document,
    was: Document | None = None,
) -> Written:
    version = order.get("version", 0) + 1
    paths = tuple(
        field for field, value in changes.items() if field not in _HEAD and value not in (None, [], {})
    )
    after = order | changes | {"version": version, "updated_at": now}
    paths += tuple(path for path in was or () if path not in paths)
    data = facts | {"entry_id": row["id"]} if row else facts
    stored_event = event(command, 0, name, at=now, version=version, paths=paths, was=was, data=data)
    verdict = Verdict(
        command=command, state="applied", events=[stored_event], attempts=1, entity_version=version
    )
    return Written(after, row, stored_event, verdict_update(verdict, now=now, keys_kept=KEYS_KEPT))
