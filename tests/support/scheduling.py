"""A tenant with an asset, plans on it, schedulers that tick by hand, and drains."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from adapters.commands.document import RUNNABLE, TargetQueue
from adapters.mongo import client as mongo
from adapters.mongo import indexes
from adapters.process.metrics import Metrics
from adapters.settings.table import Settings
from locks.lease import Leases
from schedules.declaration import Schedule
from schedules.table import table
from tasks.catalogue import catalogue
from tests.servers import Servers
from tests.support.drains import Drains
from tests.support.seeds import Seeds, new_id, user
from workers.drain.executor import Drained
from workers.schedules.runner import Runner

TENANT = "t1"


class House:
    """One database; `now` is the server's time as everybody here sees it."""

    def __init__(self, client: MongoClient[Any], name: str, told: Settings) -> None:
        self.db: Database[Any] = client[name]
        self.drains = Drains(client, name, catalogue())
        self.seeds = Seeds(self.db, catalogue(), TENANT)
        self.told = told
        self.hinted: list[TargetQueue] = []
        # The same hour whenever the tests run.
        noon = self.now.replace(hour=12, minute=0, second=0) + timedelta(days=1)
        self.drains.clock.push(noon - self.now)
        self._began = self.now

    @property
    def now(self) -> datetime:
        return self.drains.clock.now()

    def elapsed(self) -> float:
        return (self.now - self._began).total_seconds()

    def push(self, **span: float) -> None:
        self.drains.clock.push(timedelta(**span))

    def runner(
        self, schedule: Schedule | str = "plans", *, term: int | None = None, by_hint: bool = True
    ) -> Runner:
        """A scheduler's runner of its own."""
        return Runner(
            table()[schedule] if isinstance(schedule, str) else schedule,
            self.db,
            Leases(self.db["leases"], monotonic=self.elapsed, new_owner=new_id),
            catalogue(),
            told=self.told,
            hint=lambda _, lines: self.hinted.extend(lines),
            now=lambda: self.now,
            new_id=new_id,
            monotonic=self.elapsed,
            metrics=Metrics(),
            term=term,
            by_hint=by_hint,
        )

    def look(self, *handlers: object) -> Drained:
        """What a worker does with the hints."""
        lines = list(dict.fromkeys(self.hinted))
        self.hinted.clear()
        return self.drains.executor(*handlers).drain(lines, checking=True)

    def drain(self) -> None:
        """What was hinted, and then until nothing that may run is left."""
        self.look()
        query = {"active": True, "state": {"$in": RUNNABLE}}
        while lines := sorted({(row["tenant_id"], row["target"]) for row in self.db.commands.find(query)}):
            self.drains.until_dry(lines)

    def do(self, type: str, /, **payload: Any) -> dict[str, Any]:
        """A command, applied; returns it as it is then stored."""
        sent = self.seeds.accept(type, **payload)
        self.drain()
        return self.seeds.found(sent)

    def asset(self) -> str:
        id = new_id()
        assert self.do("asset.create", id=id, name="Pump", criticality="low")["state"] == "applied"
        return id

    def plan(self, asset_id: str, **rules: Any) -> str:
        """A plan, due daily at 08:00 from tomorrow on unless the rules say otherwise."""
        id = new_id()
        trigger = {
            "kind": "interval",
            "every": 1,
            "unit": "day",
            "start_local": f"{self.now + timedelta(days=1):%Y-%m-%d}T08:00",
            "time_zone": "Europe/Berlin",
        }
        asked = {
            "id": id,
            "name": "Grease",
            "trigger": trigger,
            "targets": [{"asset_id": asset_id}],
            "template": {"title": "Grease it"},
        }
        made = self.do("plan.create", **(asked | rules))
        assert made["state"] == "applied", made
        return id

    def stored(self, plan_id: str) -> dict[str, Any]:
        found: dict[str, Any] | None = self.db.plans.find_one({"_id": f"{TENANT}/{plan_id}"})
        assert found is not None
        return found

    def orders(self, plan_id: str) -> Sequence[str]:
        """The occurrences that have an order, one entry for each order."""
        found = self.db.work_orders.find({"tenant_id": TENANT, "plan.id": plan_id})
        return sorted(order["plan"]["occurrence"] for order in found)


@pytest.fixture
def database_name(emptied_name: str) -> str:
    return emptied_name


@pytest.fixture
def house(servers: Servers, database_name: str, tmp_path: Any) -> Any:
    with mongo.client(servers.mongo_uri) as client:
        indexes.create(client[database_name])
        client[database_name].users.insert_one(user(TENANT))
        yield House(client, database_name, Settings.load({}, tmp_path, servers_needed=False))
