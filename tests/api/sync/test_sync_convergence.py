"""Whatever changes between whichever answers, of any size, lost or taken twice: the copy ends as what its
person carries. Commands run through the real fold and store; time is moved by the test, a minute or more at
each step, so that no margin tells again what a cursor has left behind.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from adapters.devices.lineage import Moment
from adapters.mongo import client as mongo
from api.sync.answer import Sync
from api.sync.scope import Scope, scope_of
from domain.identity.actor import Actor
from domain.identity.permissions import granted
from tasks.catalogue import catalogue
from tests.api.people import new_id
from tests.api.stock import put
from tests.servers import Servers
from tests.support import seeds
from tests.support.copies import Copy, Key
from tests.support.drains import Drains
from tests.support.seeds import Seeds

ME_ID, OTHER_ID, CREW = new_id(), new_id(), new_id()
ROLES = (("technician",), ("viewer",), ("technician", "planner"), ("operator",))
ASSETS = 4
FIRST, MOST = 4, 6
KEPT = timedelta(days=14)

Step = tuple[str, int, int]

_CHANGES = ["assign", "assign", "assign", "start", "complete", "close", "cancel", "reopen", "comment"]
_AROUND = ["create", "rename", "move", "part", "plan", "roles", "fortnight", "quarter"]
_SYNCS = ["sync", "sync", "lost", "twice", "settled"]
STEPS = st.lists(
    st.tuples(st.sampled_from(_CHANGES * 2 + _AROUND + _SYNCS * 4), st.integers(0, 3), st.integers(0, 5)),
    min_size=20,
    max_size=40,
)


def bounded(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


class TimedSync(Sync):
    """A sync whose server has the test's time."""

    drains: Drains

    async def moment(self) -> Moment:
        return Moment(at=self.drains.clock.now(), lineage="only")


class World:
    """One tenant, one person's device, and whatever happens between them."""

    def __init__(self, store: Database[Any], web: AsyncDatabase[Any], drains: Drains) -> None:
        self.store = store
        self.drains = drains
        self.tenant = f"t{uuid4().hex[:10]}"
        self.roles: tuple[str, ...] = ROLES[0]
        store.users.insert_one(seeds.user(self.tenant))
        self.seed = Seeds(store, catalogue(), self.tenant)
        self.sync = TimedSync(web, new_id=new_id, margin=timedelta())
        self.sync.drains = drains
        self.copy = Copy()
        self.orders: list[str] = []
        self.assets: list[str] = []
        for n in range(ASSETS):
            above = self.assets[-1] if self.assets else None
            self.assets.append(self._thing("assets", name=str(n), criticality="low", parent_id=above))
        self.parts = [self._thing("parts", name=str(n), unit="piece") for n in range(2)]
        rules = {"name": "Greasing", "template": {"title": "Grease"}}
        self.plans = [self._thing("plans", rules=rules, state="active", revision=1) for _ in range(2)]
        for n in range(FIRST):
            self.creates(n, n)

    def _thing(self, collection: str, **fields: Any) -> str:
        now = self.drains.clock.now()
        made = put(self.store, collection, self.tenant, created_at=now, updated_at=now, **fields)
        id: str = made["id"]
        return id

    @property
    def scope(self) -> Scope:
        actor = Actor(tenant_id=self.tenant, user_id=ME_ID, roles=self.roles, granted=granted(self.roles))
        return scope_of(actor)

    # -- what happens -------------------------------------------------------------------------------------

    async def happens(self, step: Step) -> None:
        what, which, how = step
        self.drains.clock.push(timedelta(minutes=1))
        match what:
            case "sync" | "lost" | "twice":
                await self.syncs(what, limit=1 + how)
            case "settled":
                await self.settles()
            case "fortnight":
                self.drains.clock.push(KEPT + timedelta(hours=how - 2))
            case "quarter":
                self.drains.clock.push(timedelta(days=80 + 5 * how))
            case "roles":
                self.roles = ROLES[which]
            case "create":
                self.creates(which, how)
            case "rename" | "move" | "part" | "plan":
                self.changes_around(what, which, how)
            case _:
                self.commands(what, which, how)

    async def syncs(self, how: str, *, limit: int) -> bool:
        """One answer. Returns whether a pass is over with it."""
        given = await self.sync.answer(self.scope, self.copy.cursor, limit=limit, etags="")
        body = (
            b"".join([piece async for piece in given.iterator])
            if hasattr(given, "iterator")
            else given.content
        )
        answer = json.loads(body)
        if how == "twice":
            self.copy.take(answer, keep_cursor=False)
        if how != "lost":
            self.copy.take(answer)
        return how != "lost" and not answer["more"]

    def creates(self, which: int, how: int) -> None:
        if len(self.orders) >= MOST:
            return
        id = new_id()
        self.orders.append(id)
        named = {"asset_id": self.assets[which], "parts": [{"part_id": self.parts[how % 2], "quantity": "1"}]}
        whose = self.whose(how)
        plain = {"title": "Leak", "type": "corrective", "priority": "low"}
        self.run("work_order.create", f"work_order:{id}", id=id, **plain, **named, **whose)
        if which % 2:
            issued = {"id": self.plans[how % 2], "occurrence": "2026-03-01T08:00", "lane": id}
            match = {"_id": f"{self.tenant}/{id}"}
            self.store.work_orders.update_one(
                match, {"$set": {"plan": issued | {"revision": 1, "time_zone": "UTC"}}}
            )

    def whose(self, how: int) -> dict[str, Any]:
        return (
            {"assignee_ids": [ME_ID]},
            {"assignee_ids": [OTHER_ID]},
            {"assignee_ids": [ME_ID, OTHER_ID], "team_id": CREW},
            {"assignee_ids": [], "team_id": CREW},
            {"assignee_ids": [], "team_id": None},
            {"assignee_ids": [], "team_id": CREW},
        )[how]

    def commands(self, what: str, which: int, how: int) -> None:
        if what == "complete":  # by someone who has begun it
            self.commands("start", which, how)
        id = self.orders[which]
        more: dict[str, Any] = {
            "assign": self.whose(how),
            "cancel": {"reason": "scrapped"},
            "reopen": {"reason": "leaks"},
            "comment": {"text": "hot"},
        }.get(what, {})
        type = "work_order.comment.add" if what == "comment" else f"work_order.{what}"
        self.run(type, f"work_order:{id}", work_order_id=id, **more)

    def run(self, type: str, target: str, /, **payload: Any) -> None:
        """A command, whatever comes of it: a refusal changes nothing."""
        self.seed.accept(type, **payload)
        self.drains.until_dry([(self.tenant, target)])

    def changes_around(self, what: str, which: int, how: int) -> None:
        if what == "move":
            self.run_on_asset(which, parent_id=self.assets[how] if how < ASSETS else None)
            return
        if what == "rename":  # several, so that an answer may end between them
            for n in range(which + 1):
                self.run_on_asset(n, name=f"Renamed {how}")
            return
        if what == "part":
            part = self.parts[which % 2]
            self.run("part.adjust", f"part:{part}", part_id=part, quantity="1", reason="found")
            return
        # What a generation leaves on a plan, without its orders.
        match = {"_id": f"{self.tenant}/{self.plans[which % 2]}"}
        now = self.drains.clock.now()
        self.store.plans.update_one(match, {"$set": {"updated_at": now}, "$inc": {"version": 1}})

    def run_on_asset(self, which: int, **change: Any) -> None:
        asset = self.assets[which]
        self.run("asset.update", f"asset:{asset}", asset_id=asset, **change)

    # -- what must come of it -----------------------------------------------------------------------------

    async def settles(self) -> None:
        """To the end of the pass that is under way, and one more: then the copy is whole."""
        for _ in range(2):
            self.drains.clock.push(timedelta(minutes=1))
            while not await self.syncs("sync", limit=3):
                pass
        assert self.copy.versions == self.carried()

    def carried(self) -> dict[Key, int]:
        """What the person's copy has to hold, worked out from all that there is."""
        scope, now = self.scope, self.drains.clock.now()
        found: dict[Key, int] = {}
        for order in self.store.work_orders.find({"tenant_id": self.tenant}):
            if not self._is_mine(order, now, executes="team" in scope.holders):
                continue
            found["work_order", order["id"]] = order["version"]
            asset = order["asset_id"]
            while asset is not None and "asset" in scope.kinds:
                standing = self._one("assets", asset)
                found["asset", asset] = standing["version"]
                asset = standing["parent_id"]
            if "part" in scope.kinds:
                for line in order["parts"]:
                    found["part", line["part_id"]] = self._one("parts", line["part_id"])["version"]
            if order["plan"] and "template" in scope.kinds:
                found["template", order["plan"]["id"]] = self._one("plans", order["plan"]["id"])["version"]
        return found

    @staticmethod
    def _is_mine(order: dict[str, Any], now: datetime, *, executes: bool) -> bool:
        is_open = order["status"] not in ("completed", "closed", "cancelled")
        is_fresh = order["status"] == "completed" and order["updated_at"] >= now - KEPT
        is_teams = executes and order["team_id"] is not None and not order["assignee_ids"]
        return (is_open or is_fresh) and (ME_ID in order["assignee_ids"] or is_teams)

    def _one(self, collection: str, id: str) -> dict[str, Any]:
        found: dict[str, Any] | None = self.store[collection].find_one({"_id": f"{self.tenant}/{id}"})
        assert found is not None
        return found


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as found:
        yield found


async def converge(servers: Servers, store: Database[Any], steps: list[Step]) -> None:
    async with mongo.async_client(servers.mongo_uri) as client:
        world = World(store, client[store.name], Drains(store.client, store.name, catalogue()))
        for step in steps:
            await world.happens(step)
        await world.settles()


@bounded(10)
@given(STEPS)
def test_any_interleaving_of_changes_and_answers_ends_with_what_the_person_carries(
    servers: Servers, store: Database[Any], runner: asyncio.Runner, steps: list[Step]
) -> None:
    runner.run(converge(servers, store, steps))


@pytest.mark.torture
@bounded(300)
@given(STEPS)
def test_very_many_interleavings_end_with_what_the_person_carries(
    servers: Servers, store: Database[Any], runner: asyncio.Runner, steps: list[Step]
) -> None:
    runner.run(converge(servers, store, steps))
