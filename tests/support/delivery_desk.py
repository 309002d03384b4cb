"""A tenant with people, orders and notices, and couriers for it that a test moves by hand."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from pymongo.database import Database

from adapters.delivery.claims import CLAIM, Ledger
from adapters.delivery.dispatcher import Dispatcher
from adapters.delivery.fan_out import FanOut
from adapters.delivery.mail.channel import MailSender
from adapters.delivery.mail.smtp import MailServer
from adapters.delivery.outcomes import Outcome, Sender, Sent
from adapters.process.clock import SystemClock, to_milliseconds
from adapters.process.metrics import Metrics
from domain.ids import uuid7
from domain.notices.notice import notice_id

Document = dict[str, Any]
TENANT = "t1"
FROM = "Millwright <millwright@example.test>"


def ident(n: int) -> str:
    return uuid7(datetime(2026, 3, 2, 12, tzinfo=UTC), n.to_bytes(10, "big"))


def address(n: int) -> str:
    return f"person-{n}@example.test"


class Scripted:
    """A sender that says what the test has told it, and remembers what it was given."""

    threads = 1
    collapses = True

    def __init__(self, *outcomes: Outcome, channel: str = "email", repeatable: bool = False) -> None:
        self.channel = channel
        self.repeatable = repeatable
        self.outcomes = list(outcomes)
        self.given: list[list[Document]] = []

    def send(self, rows: Sequence[Document]) -> Outcome:
        self.given.append(list(rows))
        return self.outcomes.pop(0) if self.outcomes else Sent()

    def rest(self) -> None:
        """It holds nothing."""


class Desk:
    def __init__(self, db: Database[Any]) -> None:
        self.db = db
        self.metrics = Metrics()

    def now(self) -> datetime:
        """The server runs on this machine's clock."""
        return SystemClock().now()

    # -- what there is

    def person(self, n: int, *, tenant: str = TENANT, **fields: Any) -> str:
        document = {
            "_id": f"{tenant}/{ident(n)}",
            "tenant_id": tenant,
            "id": ident(n),
            "name": f"Person {n}",
            "email": address(n),
            "roles": ["technician"],
            "active": True,
        }
        self.db.users.insert_one(document | fields)
        return ident(n)

    def prefers(self, n: int, **fields: Any) -> None:
        document = {"_id": f"{TENANT}/{ident(n)}", "tenant_id": TENANT, "id": ident(n), "version": 1}
        self.db.preferences.insert_one(document | fields)

    def order(self, n: int, **fields: Any) -> str:
        document = {
            "_id": f"{TENANT}/{ident(n)}",
            "tenant_id": TENANT,
            "id": ident(n),
            "number": f"WO-{n:06d}",
            "title": f"Order {n}",
            "priority": "high",
            "status": "assigned",
            "due_at": datetime(2026, 3, 3, 8, tzinfo=UTC),
        }
        self.db.work_orders.insert_one(document | fields)
        return f"work_order:{ident(n)}"

    def change(self, about: str, **fields: Any) -> None:
        self.db.work_orders.update_one({"_id": f"{TENANT}/{about.partition(':')[2]}"}, {"$set": fields})

    def notice(self, about: str, *users: str, step: str = "overdue:P1D", **fields: Any) -> str:
        id = notice_id(about, step)
        document: Document = {
            "_id": f"{TENANT}/{id}",
            "tenant_id": TENANT,
            "id": id,
            "version": 1,
            "created_at": to_milliseconds(self.now()),
            "about": about,
            "step": step,
            "template": "overdue",
            "audience": {"user_ids": list(users), "roles": []},
            "channels": ["in_app", "email"],
            "critical": False,
            "params": {},
            "valid": {"due_at": "2026-03-03T08:00:00Z", "statuses": None},
        }
        self.db.notices.insert_one(document | fields)
        return id

    def told(self, count: int, to: int, **fields: Any) -> list[str]:
        """So many notices about different orders for one person, spread."""
        abouts = [self.order(1000 * to + n) for n in range(count)]
        for about in abouts:
            self.notice(about, ident(to), **fields)
        self.spread()
        return abouts

    # -- what is done

    def spread(self, *, mail_configured: bool = True, at: datetime | None = None) -> int:
        spreader = FanOut(self.db, self.metrics, mail_configured=mail_configured)
        return spreader.tick(to_milliseconds(at or self.now()), uuid4().hex)

    def carrier(self, sender: Sender, *, claim: timedelta = CLAIM, now: datetime | None = None) -> Dispatcher:
        return Dispatcher(
            self.db,
            sender,
            now=(lambda: now) if now else self.now,
            new_token=lambda: uuid4().hex,
            chance=random.Random(1),
            metrics=self.metrics,
            claim=claim,
        )

    def carry(self, sender: Sender) -> None:
        """Until nothing is due."""
        carrier = self.carrier(sender)
        while carrier.tick() == timedelta():
            pass

    def expire(self, rows: Sequence[Document]) -> None:
        """Their claims are over."""
        ids = [row["_id"] for row in rows]
        over = {"claimed_until": self.now() - timedelta(seconds=1)}
        self.db.deliveries.update_many({"_id": {"$in": ids}}, {"$set": over})

    def sweep(self, sender: Sender) -> int:
        return Ledger(self.db).sweep([sender.channel], repeatable=sender.repeatable)

    def mail_sender(self, port: int) -> MailSender:
        clock = SystemClock()
        return MailSender(
            MailServer(host="127.0.0.1", port=port, tls="none"),
            app_url="https://cmms.example.test/",
            mail_from=FROM,
            now=clock.now,
            monotonic=clock.monotonic,
        )

    # -- what is left

    def rows(self, channel: str = "email", **query: Any) -> list[Document]:
        return list(
            self.db.deliveries.find({"channel": channel} | query).sort([("created_at", 1), ("_id", 1)])
        )

    def states(self, channel: str = "email") -> list[str]:
        return [row["state"] for row in self.rows(channel)]
