"""A store of events and webhooks, and feeds that serve them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from pymongo.database import Database

from adapters.commands.document import AT_ONCE
from adapters.mongo.client import Document
from adapters.process.clock import SystemClock
from locks.lease import Lease, Leases
from tests.support.seeds import new_id
from workers.duties.webhook_feed import CURSOR, WebhookFeed

STARTED, COMPLETED = "work_order.started", "work_order.completed"


class Ground:
    """A store of events and webhooks, and feeds that serve them."""

    def __init__(self, db: Database[Any]) -> None:
        self.db = db
        clock = SystemClock()
        self.now, self.monotonic = clock.now, clock.monotonic
        self._leases = Leases(db["leases"], monotonic=clock.monotonic, new_owner=new_id)
        self.first_lease = self.lead()

    def lead(self) -> Lease:
        self.db["leases"].update_one({"_id": "scheduler"}, {"$set": {"expires_at": AT_ONCE}})
        lease = self._leases.acquire("scheduler", ttl=timedelta(seconds=60))
        assert lease is not None
        return lease

    def feed(self, lease: Lease | None = None, monotonic: Callable[[], float] | None = None) -> WebhookFeed:
        return WebhookFeed(self.db, lease or self.first_lease, monotonic=monotonic or self.monotonic)

    def listen(self, *events: str, tenant: str = "t", since: timedelta = timedelta(), **more: Any) -> str:
        id = new_id()
        document = {"_id": f"{tenant}/{id}", "tenant_id": tenant, "id": id, "events": list(events)}
        self.db["webhooks"].insert_one(document | {"active": True, "active_since": self.now() + since} | more)
        return id

    def happen(self, type: str = STARTED, *, tenant: str = "t", at: datetime | None = None) -> str:
        id = f"{new_id()}:0"
        at = at or self.now()
        event = {
            "_id": id,
            "tenant_id": tenant,
            "target": "work_order:1",
            "version": 3,
            "type": type,
            "command_id": id[:-2],
            "root": id[:-2],
            "at": at,
            "effective_at": at,
            "actor": {"via": "offline", "user_id": "u1", "device_id": "d1"},
            "paths": ["status"],
            "data": {"minutes": 2**40},
        }
        self.db["events"].insert_one(event)
        return id

    def told(self, webhook: str | None = None) -> list[str]:
        """The events in the ledger, in the order in which they happened."""
        query = {"recipient": webhook} if webhook else {}
        return sorted(row["event_id"] for row in self.db["deliveries"].find(query))

    def lost_token(self) -> Document:
        """Of an event that no history holds."""
        with self.db["events"].watch() as stream:
            self.happen("work_order.held")
            data = stream.next()["_id"]["_data"]
        # The time within it, in seconds: long ago.
        return {"_data": f"{data[:2]}00000001{data[10:]}"}

    def cursor(self) -> Document | None:
        return self.db["cursors"].find_one({"_id": CURSOR})
