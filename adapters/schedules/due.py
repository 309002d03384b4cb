"""Reads what is due from indexes alone, so that the cost depends on what is due, not on what exists.

Calendars and policies change seldom. Their dependents are then searched among all active plans or watched
open orders: an index for that would cost every write of a plan or order.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from adapters.mongo.client import CODEC, Document
from domain.due import ChangedTerms, DueOrder, DuePlan
from domain.plan.model import SHARDS
from domain.work_order.transitions import OPEN

PAGE = 1_000


class DueReader:
    """Implements `schedules.declaration.Due`."""

    def __init__(self, db: Database[Any]) -> None:
        self._db = db.with_options(codec_options=CODEC, read_concern=ReadConcern("majority"))

    def plans(self, now: datetime) -> Iterator[DuePlan]:
        """Due plans of all shards, the longest due first."""
        due = {"shard": {"$in": list(range(SHARDS))}, "generate_at": _due_by(now)}
        for tenant_id, id, at in self._covered("plans", due, "generate_at", hint="due"):
            yield DuePlan(tenant_id, id, at)

    def orders(self, now: datetime) -> Iterator[DueOrder]:
        """Due orders, the longest due first."""
        query = {"look_at": _due_by(now)}
        for tenant_id, id, at in self._covered("work_orders", query, "look_at", hint="looks"):
            yield DueOrder(tenant_id, id, at)

    def changed_calendars(self) -> Iterator[ChangedTerms]:
        return self._fresh("calendars")

    def changed_policies(self) -> Iterator[ChangedTerms]:
        return self._fresh("policies")

    def plans_behind(self, calendar: ChangedTerms) -> Iterator[str]:
        query: Document = {
            "tenant_id": calendar.tenant_id,
            "rules.calendar_id": calendar.id,
            "calendar_version": {"$lt": calendar.version},
            "state": "active",
        }
        return self._ids("plans", query, hint="by_state")

    def orders_counting_by(self, calendar: ChangedTerms) -> Iterator[str]:
        query: Document = {
            "tenant_id": calendar.tenant_id,
            "watch.policies_version": {"$exists": True},
            "watch.sla.policy.calendar_id": calendar.id,
            "watch.sla.calendar_version": {"$lt": calendar.version},
            "status": {"$in": list(OPEN)},
        }
        return self._ids("work_orders", query, hint="of_policies")

    def orders_behind(self, policies: ChangedTerms) -> Iterator[str]:
        query: Document = {
            "tenant_id": policies.tenant_id,
            "watch.policies_version": {"$lt": policies.version},
            "status": {"$in": list(OPEN)},
        }
        return self._ids("work_orders", query, hint="of_policies")

    def _fresh(self, collection: str) -> Iterator[ChangedTerms]:
        fields = ["tenant_id", "id", "version", "updated_at"]
        for row in self._db[collection].find({"fresh": True}, fields):
            yield ChangedTerms(row["tenant_id"], row["id"], row["version"], row["updated_at"])

    def _ids(self, collection: str, query: Document, *, hint: str) -> Iterator[str]:
        for row in self._db[collection].find(query, {"id": 1}).hint(hint).batch_size(PAGE):
            yield row["id"]

    def _covered(
        self, collection: str, query: Document, field: str, *, hint: str
    ) -> Iterator[tuple[str, str, datetime]]:
        projection = {"_id": 1, field: 1}
        rows = self._db[collection].find(query, projection).sort([(field, 1), ("_id", 1)]).hint(hint)
        for row in rows.batch_size(PAGE):
            tenant_id, _, id = row["_id"].partition("/")
            yield tenant_id, id, row[field]


def _due_by(now: datetime) -> Document:
    """The condition for a due time. It names the type because the partial indexes do: otherwise the planner
    would scan them whole."""
    return {"$lte": now, "$type": "date"}
