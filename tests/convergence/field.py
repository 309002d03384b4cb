"""Devices, an office, and what any of them may do in any order; and how it all comes to an end."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

from pymongo.database import Database

from adapters.mongo.client import Document
from adapters.operators import resolutions
from adapters.operators.audit import Act
from adapters.process.clock import SystemClock
from adapters.settings.table import Settings
from bench.device.client import Client
from bench.device.outbox import PENDING, UNSENDABLE, UNSETTLED, Outbox
from bench.device.wire import Send
from domain.work_order.model import HoldReason
from locks.idempotency import KEYS_KEPT
from tasks.catalogue import catalogue
from tests.api.people import People, Person
from tests.convergence.hostile import Fate, Hostile, perfect
from tests.support.drains import Drains
from tests.support.seeds import Seeds, new_id

ROUNDS = 60
"""Of calm, within which all must be final."""

DAY = "2026-03-02"
HOLDS = get_args(HoldReason)


class PushedTime:
    """A device's clock: the machine's time of day, and seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def now(self) -> datetime:
        return SystemClock().now()

    def monotonic(self) -> float:
        return self._seconds

    def sleep(self, seconds: float) -> None:
        self._seconds += seconds


class Phone:
    """One person's device, and what its user last saw of each order."""

    def __init__(self, person: Person, name: str, file: Path, send: Send, chance: random.Random) -> None:
        self.person, self.name, self.file, self.chance = person, name, file, chance
        self.fates: list[Fate] = []
        self.network = Hostile(send, self._fate, chance)
        self.time = PushedTime()
        self.seen: dict[str, int] = {}
        self.client = self.started()

    def _fate(self) -> Fate:
        return self.fates.pop(0) if self.fates else "through"

    def started(self) -> Client:
        """As the app starts: knowing what its file says, and nothing else."""
        return Client(
            Outbox(self.file),
            self.network,
            device_id=self.name,
            clock=self.time,
            chance=self.chance,
            new_id=new_id,
        )

    def dies_and_starts_again(self) -> None:
        self.client.outbox.close()
        self.client = self.started()

    def does(self, type: str, order: str, payload: Document) -> None:
        base = {"base_version": self.seen[order]} if order in self.seen else {}
        member = {"id": order} if type == "work_order.create" else {"work_order_id": order}
        self.client.do(type, f"work_order:{order}", member | payload, **base)

    def sync(self, fate: Fate) -> None:
        """One exchange, whatever it had to wait for before."""
        self.fates = [fate]
        self.client.step()
        self.fates = []
        self.time.sleep(self.client.step() or 0.0)

    def until_quiet(self) -> None:
        """All sent and every outcome asked for once."""
        self.network.draw = perfect
        self.network.deliver_all()
        self.client.resume()
        while any(row.state == PENDING for row in self.client.outbox.all()):
            self.time.sleep(self.client.step() or 0.0)
        self.client.resume()
        self.client.step()

    @property
    def outbox_name(self) -> str:
        return f"{self.person.id}/{self.name}"


class Field:
    """One tenant; two orders that all know, and one of each device's own."""

    def __init__(
        self,
        store: Database[Any],
        settings: Settings,
        drains: Drains,
        sender: Callable[[str], Send],
        path: Path,
    ) -> None:
        self.store, self.drains = store, drains
        self.people = People(store, settings)
        self.boss = self.people.add("admin")
        self.seed = Seeds(store, catalogue(), self.people.tenant_id)
        self.part = self.seed.part()
        ann, bob, cat = (self.people.add(role) for role in ("supervisor", "supervisor", "technician"))
        self.items = [new_id(), new_id()]
        self.orders = [self._order([cat.id]) for _ in range(2)]
        self.own = [new_id() for _ in range(3)]
        self.phones = [
            Phone(person, name, path / f"{uuid4().hex}.db", sender(person.token), random.Random(number))
            for number, (person, name) in enumerate([(ann, "a1"), (ann, "a2"), (bob, "b1"), (cat, "c1")])
        ]

    def _order(self, assignees: Sequence[str]) -> str:
        id = new_id()
        list = [{"item_id": item, "text": "Pressure", "kind": "number"} for item in self.items]
        told = {"id": id, "title": "Leak", "type": "corrective", "priority": "low", "checklist": list}
        self.office("work_order.create", told | {"assignee_ids": assignees})
        self.drain()
        return id

    def office(self, type: str, payload: Document) -> None:
        document = self.seed.document(type, payload, user_id=self.boss.id)
        self.seed.accept_all([document])

    def drain(self) -> None:
        active = {"tenant_id": self.seed.tenant_id, "active": True}
        self.drains.until_dry(
            (self.seed.tenant_id, target) for target in self.store.commands.distinct("target", active)
        )

    def looks(self, phone: Phone) -> None:
        """Its user sees the orders as the server has them."""
        for order in self.store.work_orders.find({"tenant_id": self.seed.tenant_id}, ["id", "version"]):
            phone.seen[order["id"]] = order["version"]

    # -- calm ---------------------------------------------------------------------------------------------

    def calm_down(self) -> None:
        """The network is well, people decide what is theirs to decide; until nothing is left to do."""
        for _ in range(ROUNDS):
            for phone in self.phones:
                phone.until_quiet()
            self.drain()
            if not self._decide() and self._is_calm():
                return
        raise AssertionError(f"never calm: {[row for p in self.phones for row in p.client.outbox.all()]}")

    def _is_calm(self) -> bool:
        open = (PENDING, UNSENDABLE, *UNSETTLED)
        return not any(row.state in open for phone in self.phones for row in phone.client.outbox.all())

    def _decide(self) -> bool:
        """Conflicts that went to the planner, and what waits for a review; the rest its device gives up."""
        open = list(self.store.commands.find({"tenant_id": self.seed.tenant_id, "inbox": {"$exists": True}}))
        phones = {phone.outbox_name: phone for phone in self.phones}
        for command in open:
            if command["inbox"] == "conflict" and not command.get("for_planner"):
                phone = phones[command["origin"]["outbox"]]
                phone.client.decide(command["idempotency"]["key"], "take_server")
            else:
                is_missing = "waits_for" in command
                is_there = is_missing and self.store.work_orders.find_one(
                    {"_id": f"{self.seed.tenant_id}/{command['waits_for'].partition(':')[2]}"}
                )
                review: resolutions.Choice = "approve" if is_there else "reject"
                self._planner(command, review if command["inbox"] == "review" else "take_server")
        return bool(open)

    def _planner(self, command: Document, choice: resolutions.Choice) -> None:
        act = Act(
            id=secrets.token_hex(8),
            tenant_id=self.seed.tenant_id,
            user_id=self.boss.id,
            via="api",
            reason="looked at it",
            at=SystemClock().now(),
        )
        resolutions.decide(self.store, command["_id"], act, choice, keys_kept=KEYS_KEPT)


def acted(field: Field, what: str, n: int) -> tuple[str, Document]:
    """One action by a word and a number."""
    match what:
        case "labor":
            return "work_order.labor.log", {"minutes": n + 1, "worked_on": DAY, "kind": "regular"}
        case "comment":
            return "work_order.comment.add", {"text": f"note {n}"}
        case "use":
            return "work_order.parts.consume", {"part_id": field.part, "quantity": n % 3 + 1}
        case "answer":
            return "work_order.checklist.answer", {"item_id": field.items[n % 2], "value": n % 5}
        case "title":
            return "work_order.update", {"title": f"title {n % 4}"}
        case "hold":
            return "work_order.hold", {"reason": HOLDS[n % 5]}
        case "cancel":
            return "work_order.cancel", {"reason": "sold"}
        case "create":
            list = [{"item_id": item, "text": "Pressure", "kind": "number"} for item in field.items]
            told = {"title": f"found {n}", "type": "corrective", "priority": "low", "checklist": list}
            return "work_order.create", told
    return f"work_order.{what}", {}
