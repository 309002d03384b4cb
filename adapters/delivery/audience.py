"""Reads the current state of the orders that notices are about, and of their recipients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from loguru import logger
from pymongo.database import Database

from adapters.delivery.outcomes import Trouble
from adapters.mongo.client import Document, document_id, translated
from domain.errors import Rejected
from domain.notices.notice import Valid, objection
from domain.notices.preferences import Preferences

ORDER = "work_order:"

_ORDER_FIELDS = ("number", "title", "priority", "status", "due_at", "assignee_ids", "watch.ladder")
_PERSON_FIELDS = ("id", "tenant_id", "name", "email", "locale", "active", "roles")

_REASONS = {
    "order_gone": "the work order no longer exists",
    "due_date_moved": "the due date has moved since",
    "acknowledged": "somebody has acknowledged it",
    "snoozed": "somebody has snoozed it; it is sent again at the end of the snooze",
    "assignee_changed": "the order is assigned to somebody else now",
    "user_inactive": "the person no longer works here",
}


class Audience:
    """Reads orders and users that rows (or notices) refer to. Every method raises: Unavailable."""

    def __init__(self, db: Database[Any]) -> None:
        self._db = db

    def orders(self, rows: Iterable[Document]) -> dict[str, Document]:
        """The orders that these rows are about, by `_id`."""
        ids = {_order_id(row) for row in rows if row["about"].startswith(ORDER)}
        return self._by_id("work_orders", ids, _ORDER_FIELDS)

    def people(self, rows: Iterable[Document]) -> dict[str, Document]:
        """The recipients of these rows, by `_id`, including inactive users."""
        return self._by_id("users", {person_id(row) for row in rows}, _PERSON_FIELDS)

    def preferences(self, ids: Iterable[str]) -> dict[str, Preferences]:
        """The notification preferences that these users have set, by the users' `_id`."""
        documents = self._by_id("preferences", set(ids), None)
        return {id: _preferences(document) for id, document in documents.items()}

    def in_roles(self, tenant_id: str, roles: Iterable[str]) -> list[Document]:
        """The active users of a tenant who have one of these roles."""
        query = {"tenant_id": tenant_id, "active": True, "roles": {"$in": list(roles)}}
        with translated():
            return list(self._db["users"].find(query, list(_PERSON_FIELDS)))

    def _by_id(self, collection: str, ids: set[str], fields: Sequence[str] | None) -> dict[str, Document]:
        if not ids:
            return {}
        with translated():
            documents = self._db[collection].find(
                {"_id": {"$in": list(ids)}}, list(fields) if fields else None
            )
            return {document["_id"]: document for document in documents}


def order_of(row: Document, orders: dict[str, Document]) -> Document | None:
    """The order that the row is about, if it is about one."""
    return orders.get(_order_id(row)) if row["about"].startswith(ORDER) else None


def person_id(row: Document) -> str:
    """The `_id` of the recipient's user document."""
    return document_id(row["tenant_id"], row["recipient"])


def invalid_because(row: Document, orders: dict[str, Document]) -> Trouble | None:
    """The reason why this row (or notice) is no longer valid; None if it is valid or cannot be checked."""
    if row.get("valid") is None or not row["about"].startswith(ORDER):
        return None
    order = order_of(row, orders)
    code = "order_gone" if order is None else _objection(row, order)
    return reason(code) if code else None


def reason(code: str) -> Trouble:
    return Trouble(code, _REASONS.get(code, f"the work order is {code.removeprefix('order_')}"))


def mail_at(preferences: Preferences, notice: Document, now: datetime, *, is_due: bool = False) -> datetime:
    """When to send a mail about this notice. `is_due`: the row was due already, but it may be late and fall
    into quiet hours, or these may be new."""
    try:
        return preferences.mail_at(now, critical=notice["critical"], is_due=is_due)
    except Rejected as error:
        # A time zone that this machine's database no longer has: send at once rather than never.
        logger.warning("quiet hours ignored: unknown time zone", of=preferences.id, reason=error.message)
        return now


def _objection(row: Document, order: Document) -> str | None:
    return objection(
        msgspec.convert(row["valid"], Valid),
        row["kind"],
        status=order["status"],
        due_at=order.get("due_at"),
        acknowledged_at=_ladder(order).get("acknowledged_at"),
        assignee_ids=order.get("assignee_ids", ()),
        made_at=row["created_at"],
        snoozed_at=_ladder(order).get("snoozed_at"),
    )


def _ladder(order: Document) -> Document:
    return (order.get("watch") or {}).get("ladder") or {}


def _order_id(row: Document) -> str:
    return document_id(row["tenant_id"], row["about"].removeprefix(ORDER))


def _preferences(document: Document) -> Preferences:
    """The stored preferences; the defaults if they are unreadable (of a newer version)."""
    try:
        return msgspec.convert(document, Preferences)
    except msgspec.ValidationError as error:
        logger.warning("preferences unreadable, defaults used", of=document["_id"], reason=str(error))
        return Preferences(id=document["id"])
