"""What is due, read by index alone: the cost of looking follows what is due, not what exists.

Calendars and policies change seldom. What they concern is then looked for among all active plans, and among
all open orders on watch: an index for that would be paid for with every plan and order that is written.
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
        """Of all shards, the longest due first."""
        due = {"shard": {"$in": list(range(SHARDS))}, "generate_at": _due_by(now)}
        for tenant_id, id, at in self._covered("plans", due, "generate_at", hint="due"):
            yield DuePlan(tenant_id, id, at)

    def orders(self, now: datetime) -> Iterator[DueOrder]:
        """The longest due first."""
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
        for found in self._db[collection].find({"fresh": True}, fields):
            yield ChangedTerms(found["tenant_id"], found["id"], found["version"], found["updated_at"])

    def _ids(self, collection: str, query: Document, *, hint: str) -> Iterator[str]:
        for found in self._db[collection].find(query, {"id": 1}).hint(hint).batch_size(PAGE):
            yield found["id"]

    def _covered(
        self, collection: str, query: Document, field: str, *, hint: str
    ) -> Iterator[tuple[str, str, datetime]]:
        wanted = {"_id": 1, field: 1}
        found = self._db[collection].find(query, wanted).sort([(field, 1), ("_id", 1)]).hint(hint)
        for row in found.batch_size(PAGE):
            tenant_id, _, id = row["_id"].partition("/")
            yield tenant_id, id, row[field]


def _due_by(now: datetime) -> Document:
    """The type is what the partial indexes ask for: without it the planner reads them from end to end."""
    return {"$lte": now, "$type": "date"}
