"""GET /api/sync: what a person carries, what changes of it, and when a copy begins anew."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from litestar import Litestar
from pymongo.database import Database

from adapters.devices import lineage
from adapters.mongo import client as mongo
from adapters.operators.audit import Act
from adapters.process.clock import SystemClock
from adapters.settings.table import Settings
from api.app import create_app
from tasks.catalogue import catalogue
from tasks.command import handles
from tasks.work import Work
from tasks.work_order.assign import Assign, assign
from tests.api.asking import running
from tests.api.people import People, Person, new_id
from tests.api.stock import START, order, put, row
from tests.servers import Servers
from tests.support.copies import Copy
from tests.support.drains import Drains
from tests.support.patience import InThread
from tests.support.seeds import Seeds

PATIENCE_S = 20


@pytest.fixture
def drains(servers: Servers, store: Database[Any]) -> Iterator[Drains]:
    with mongo.client(servers.mongo_uri) as client:
        yield Drains(client, store.name, catalogue())


class Device:
    """One person's copy, kept over HTTP."""

    def __init__(self, web: httpx.AsyncClient, person: Person, *, limit: int = 500) -> None:
        self.web = web
        self.person = person
        self.limit = limit
        self.copy = Copy()
        self.answers: list[dict[str, Any]] = []

    async def ask(self, **headers: str) -> httpx.Response:
        since = {"since": self.copy.cursor} if self.copy.cursor else {}
        params = {"limit": str(self.limit)} | since
        return await self.web.get("/api/sync", params=params, headers=self.person.auth | headers)

    async def sync(self) -> Copy:
        """To the end of a pass; `answers` are those of this one."""
        self.answers = []
        while True:
            answer = await self.ask()
            assert answer.status_code == 200, answer.text
            self.answers.append(answer.json())
            self.copy.take(self.answers[-1])
            if not self.answers[-1]["more"]:
                return self.copy

    @property
    def told(self) -> list[tuple[str, str]]:
        """What the last pass told, each as often as it did."""
        return [(entity["kind"], entity["id"]) for answer in self.answers for entity in answer["entities"]]

    @property
    def gone(self) -> list[str]:
        return [gone["id"] for answer in self.answers for gone in answer["tombstones"]]


def long_ago() -> datetime:
    return SystemClock().now() - timedelta(days=300)


def plan(store: Database[Any], tenant_id: str, **fields: Any) -> dict[str, Any]:
    rules = {"name": "Bearings", "template": {"title": "Grease", "checklist": [{"text": "Warm?"}]}}
    return put(store, "plans", tenant_id, **{"rules": rules, "state": "active", "revision": 1} | fields)


async def test_a_first_copy_holds_ones_own_orders_and_what_they_name_and_nothing_else(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    tech, other, stranger = people.add("technician"), people.add("technician"), people.stranger("technician")
    tenant, now = tech.tenant_id, SystemClock().now()
    site = put(store, "assets", tenant, name="Site", parent_id=None, location="Leeds")
    line = put(store, "assets", tenant, name="Line", parent_id=site["id"])
    pump, far = (put(store, "assets", tenant, name=name, parent_id=line["id"]) for name in ("Pump", "Far"))
    seal, unused = (put(store, "parts", tenant, name=name, unit="piece") for name in ("Seal", "Unused"))
    greasing = plan(store, tenant)
    mine = order(
        store,
        tenant,
        1,
        assignee_ids=[other.id, tech.id],
        status="assigned",
        asset_id=pump["id"],
        parts=[{"part_id": seal["id"], "planned": 1}],
        plan={"id": greasing["id"], "occurrence": "2026-03-01T08:00"},
    )
    crews = order(store, tenant, 2, team_id="crew", status="assigned", route=[pump["id"]])
    done = order(store, tenant, 3, assignee_ids=[tech.id], status="completed", updated_at=now)
    for n, fields in enumerate(
        [
            {"assignee_ids": [other.id], "asset_id": far["id"], "parts": [{"part_id": unused["id"]}]},
            {"assignee_ids": [other.id], "team_id": "crew"},
            {},
            {"assignee_ids": [tech.id], "status": "closed", "updated_at": now},
            {"assignee_ids": [tech.id], "status": "cancelled", "updated_at": now},
            {"assignee_ids": [tech.id], "status": "completed", "updated_at": now - timedelta(days=15)},
            {"team_id": "crew", "status": "closed", "updated_at": now},
        ]
    ):
        order(store, tenant, 10 + n, **{"status": "assigned"} | fields)
    order(store, stranger.tenant_id, 1, assignee_ids=[tech.id], status="assigned")

    copy = await Device(web, tech).sync()

    assert copy.ids("work_order") == {mine["id"], crews["id"], done["id"]}
    assert copy.ids("asset") == {site["id"], line["id"], pump["id"]}
    assert copy.ids("part") == {seal["id"]}
    assert copy.document("template", greasing["id"])["template"]["checklist"] == [{"text": "Warm?"}]
    assert not copy.held.keys() & {("asset", far["id"]), ("part", unused["id"])}


async def test_an_order_looks_as_it_does_alone_with_the_newest_of_its_ledger(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    tech = people.add("technician")
    asset = put(store, "assets", tech.tenant_id, name="Pump", parent_id=None)
    mine = order(store, tech.tenant_id, 1, assignee_ids=[tech.id], status="assigned", asset_id=asset["id"])
    row(store, mine, "labor", minutes=5)
    row(store, mine, "comment", text="hot")
    talked = order(store, tech.tenant_id, 2, assignee_ids=[tech.id], status="assigned")
    said = sorted(row(store, talked, "comment", text="still hot") for _ in range(60))

    copy = await Device(web, tech).sync()

    alone = await web.get(f"/api/work-orders/{mine['id']}", headers=tech.auth)
    assert copy.document("work_order", mine["id"]) == alone.json()
    bounded = copy.document("work_order", talked["id"])
    assert [comment["id"] for comment in bounded["comments"]] == said[-50:]
    assert bounded["ledger"] == {"shown": 50, "total": 60}


async def test_what_one_may_not_see_does_not_come_along(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    viewer = people.add("viewer")
    store["users"].update_one({"id": viewer.id}, {"$set": {"roles": ["requester", "operator"]}})
    tenant = viewer.tenant_id
    greasing, seal = plan(store, tenant), put(store, "parts", tenant, name="Seal", unit="piece")
    names = {"plan": {"id": greasing["id"]}, "parts": [{"part_id": seal["id"]}]}
    mine = order(store, tenant, 1, assignee_ids=[viewer.id], status="assigned", **names)
    order(store, tenant, 2, team_id="crew", status="assigned")

    copy = await Device(web, viewer).sync()

    assert copy.held.keys() == {("work_order", mine["id"]), ("part", seal["id"])}
    refused = await web.get("/api/sync", headers=people.add("requester").auth)
    assert refused.status_code == 403


async def test_an_order_given_to_someone_brings_what_it_names_though_that_is_old(
    web: httpx.AsyncClient, people: People, store: Database[Any], drains: Drains
) -> None:
    planner, tech = people.add("planner"), people.add("technician")
    tenant = tech.tenant_id
    old = {"updated_at": long_ago()}
    site = put(store, "assets", tenant, name="Site", parent_id=None, **old)
    pump = put(store, "assets", tenant, name="Pump", parent_id=site["id"], **old)
    seal = put(store, "parts", tenant, name="Seal", unit="piece", **old)
    waiting = order(
        store, tenant, 1, asset_id=pump["id"], parts=[{"part_id": seal["id"], "planned": "1"}], **old
    )
    device = Device(web, tech)
    assert (await device.sync()).held == {}

    do(drains, planner, "work_order.assign", work_order_id=waiting["id"], assignee_ids=[tech.id])
    copy = await device.sync()

    assert copy.held.keys() == {
        ("work_order", waiting["id"]), ("asset", pump["id"]), ("asset", site["id"]), ("part", seal["id"]),
    }  # fmt: skip
    assert not device.answers[0]["full"]


async def test_what_is_taken_from_someone_is_a_tombstone_to_them_and_silence_to_others(
    web: httpx.AsyncClient, people: People, store: Database[Any], drains: Drains
) -> None:
    planner, ann, bob, eve = people.add("planner"), *(people.add("technician") for _ in range(3))
    pump = put(store, "assets", ann.tenant_id, name="Pump", parent_id=None)
    given = order(
        store, ann.tenant_id, 1, assignee_ids=[ann.id, bob.id], status="assigned", asset_id=pump["id"]
    )
    crews = order(store, ann.tenant_id, 2, team_id=new_id(), status="assigned")
    devices = {name: Device(web, one) for name, one in (("ann", ann), ("bob", bob), ("eve", eve))}
    for device in devices.values():
        await device.sync()

    do(drains, planner, "work_order.assign", work_order_id=given["id"], assignee_ids=[bob.id])
    do(drains, planner, "work_order.assign", work_order_id=crews["id"], assignee_ids=[bob.id])
    copies = {name: await device.sync() for name, device in devices.items()}

    assert copies["ann"].held == copies["eve"].held == {}
    assert sorted(devices["ann"].gone) == sorted([given["id"], crews["id"]])
    assert devices["eve"].gone == [crews["id"]]
    assert devices["eve"].told == devices["ann"].told == []
    assert copies["bob"].ids("work_order") == {given["id"], crews["id"]}
    assert devices["bob"].gone == []

    do(drains, planner, "work_order.assign", work_order_id=given["id"], assignee_ids=[ann.id])
    assert (await devices["ann"].sync()).ids("work_order") == {given["id"]}


@pytest.mark.parametrize("holder", ["own", "team"])
async def test_what_ends_or_was_completed_long_ago_is_a_tombstone(
    web: httpx.AsyncClient, people: People, store: Database[Any], drains: Drains, holder: str
) -> None:
    manager, tech = people.add("manager"), people.add("technician")
    whose: dict[str, Any] = {"assignee_ids": [tech.id]} if holder == "own" else {"team_id": new_id()}
    done, off = (
        order(store, tech.tenant_id, n, status=status, updated_at=SystemClock().now(), **whose)
        for n, status in enumerate(["completed", "assigned"])
    )
    aging = order(store, tech.tenant_id, 3, status="completed", updated_at=SystemClock().now(), **whose)
    device = Device(web, tech)
    assert len((await device.sync()).ids("work_order")) == 3

    do(drains, manager, "work_order.close", work_order_id=done["id"])
    do(drains, manager, "work_order.cancel", work_order_id=off["id"], reason="scrapped")
    # As if two weeks had passed: the copy's pass began when the order was a fortnight old, less a second.
    fortnight_ago = SystemClock().now() - timedelta(days=14, seconds=31)
    store["work_orders"].update_one({"_id": aging["_id"]}, {"$set": {"updated_at": fortnight_ago}})
    backdate(device.copy, by=timedelta(seconds=60))
    copy = await device.sync()

    assert copy.held == {}
    assert sorted(device.gone) == sorted([done["id"], off["id"], aging["id"]])


@pytest.mark.parametrize("limit", [1, 500])
async def test_an_asset_that_changes_is_told_where_an_order_stands_on_or_below_it(
    web: httpx.AsyncClient, people: People, store: Database[Any], drains: Drains, limit: int
) -> None:
    planner, tech = people.add("planner"), people.add("technician")
    tenant, old = tech.tenant_id, {"updated_at": long_ago(), "created_at": long_ago()}
    asset = {"criticality": "low", "parent_id": None, **old}
    site, hall, other = (
        put(store, "assets", tenant, name=name, **asset) for name in ("Site", "Hall", "Else")
    )
    pump = put(store, "assets", tenant, name="Pump", **asset | {"parent_id": site["id"]})
    seal = put(store, "parts", tenant, name="Seal", unit="piece", stock=Decimal(4), **old)
    parts = [{"part_id": seal["id"], "planned": "1"}]
    order(
        store, tenant, 1, assignee_ids=[tech.id], status="assigned", asset_id=pump["id"], parts=parts, **old
    )
    device = Device(web, tech, limit=limit)
    await device.sync()

    do(drains, planner, "asset.update", asset_id=hall["id"], name="Great hall")
    do(drains, planner, "asset.update", asset_id=other["id"], name="Elsewhere")
    do(drains, planner, "asset.update", asset_id=site["id"], parent_id=hall["id"])
    do(drains, planner, "asset.decommission", asset_id=pump["id"], reason="worn out")
    do(drains, planner, "part.adjust", part_id=seal["id"], quantity="-1", reason="lost")
    copy = await device.sync()

    assert copy.ids("asset") == {pump["id"], site["id"], hall["id"]}
    assert copy.document("asset", pump["id"])["decommission_reason"] == "worn out"
    assert copy.document("asset", hall["id"])["name"] == "Great hall"
    assert copy.document("part", seal["id"])["stock"] == "3"
    assert ("asset", other["id"]) not in device.told
    assert not [told for told in device.told if told[0] == "work_order"]


async def test_a_change_that_was_in_an_open_transaction_while_a_sync_passed_is_in_the_next(
    web: httpx.AsyncClient, people: People, store: Database[Any], drains: Drains
) -> None:
    planner, tech = people.add("planner"), people.add("technician")
    waiting = order(store, tech.tenant_id, 1)
    written, go = threading.Event(), threading.Event()

    @handles("work_order.assign", permission="workorders.write", touches=("assignee_ids", "team_id"))
    def slow(cmd: Assign, work: Work) -> None:
        """Assigns, and commits when it is told to."""
        assign(cmd, work)
        written.set()
        assert go.wait(PATIENCE_S)

    seed = Seeds(store, catalogue(), tech.tenant_id)
    payload = {"work_order_id": waiting["id"], "assignee_ids": [tech.id]}
    command = seed.document("work_order.assign", payload, user_id=planner.id)
    seed.accept_all([command])
    drains.clock.push(timedelta(seconds=-9))  # it began so long ago, and has its time from then
    executor = drains.executor(slow)
    drain = InThread(lambda: executor.drain([(tech.tenant_id, command["target"])]))
    assert written.wait(PATIENCE_S)

    device = Device(web, tech)
    copy = await device.sync()
    assert copy.held == {}
    too_soon = Copy()
    too_soon.cursor = moved(str(copy.cursor), by=timedelta(seconds=30))
    go.set()
    drain.result()

    assert seed.state(command) == "applied"
    without_margin = await web.get("/api/sync", params={"since": too_soon.cursor}, headers=tech.auth)
    assert without_margin.json()["entities"] == [], "the margin is what finds it"
    assert (await device.sync()).ids("work_order") == {waiting["id"]}


@pytest.mark.parametrize("limit", [1, 2, 7])
async def test_pages_go_on_where_the_last_one_ended_in_any_process(
    web: httpx.AsyncClient, people: People, store: Database[Any], settings: Settings, limit: int
) -> None:
    tech = people.add("technician")
    asset = put(store, "assets", tech.tenant_id, name="Pump", parent_id=None)
    made = [
        order(
            store,
            tech.tenant_id,
            n,
            status="assigned",
            asset_id=asset["id"],
            # Most changed in the same moment.
            updated_at=START + timedelta(days=n // 6),
            **({"team_id": "crew"} if n % 3 == 0 else {"assignee_ids": [tech.id]}),
        )
        for n in range(9)
    ]
    device = Device(web, tech, limit=limit)
    first = (await device.ask()).json()
    device.copy.take(first)

    async with running(create_app(settings)) as another_process:
        device.web = another_process
        copy = await device.sync()

    assert copy.ids("work_order") == {one["id"] for one in made}
    whole = [first, *device.answers]
    orders = [one["id"] for answer in whole for one in answer["entities"] if one["kind"] == "work_order"]
    assert sorted(orders) == sorted(one["id"] for one in made), "each is told once"
    assert all(sum(e["kind"] == "work_order" for e in answer["entities"]) <= limit for answer in whole)
    assert all(answer["full"] for answer in whole)


async def test_an_answer_with_nothing_new_is_a_304_until_there_is(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    tech = people.add("technician")
    mine = order(store, tech.tenant_id, 1, assignee_ids=[tech.id], status="assigned")
    device = Device(web, tech)
    await device.sync()
    quiet = await device.ask()
    tag = {"If-None-Match": quiet.headers["etag"]}

    again = await device.ask(**tag)
    device.copy.take(quiet.json())
    onward = await device.ask(**tag)

    assert quiet.json()["entities"] == []
    assert (again.status_code, onward.status_code) == (304, 304)
    assert again.headers["etag"] == quiet.headers["etag"]
    now = SystemClock().now()
    store["work_orders"].update_one(
        {"_id": mine["_id"]}, {"$set": {"updated_at": now}, "$inc": {"version": 1}}
    )
    news = await device.ask(**tag)
    assert news.status_code == 200
    assert [entity["version"] for entity in news.json()["entities"]] == [2]
    assert news.headers["etag"] != quiet.headers["etag"]


async def test_a_pass_in_pages_that_tell_the_same_comes_to_its_end_with_etags_too(
    web: httpx.AsyncClient, people: People, store: Database[Any], drains: Drains
) -> None:
    planner, ann, bob = people.add("planner"), people.add("technician"), people.add("technician")
    given = order(store, ann.tenant_id, 1, assignee_ids=[ann.id], status="assigned")
    device = Device(web, ann, limit=1)
    await device.sync()
    for holder in (bob, ann, bob):  # taken from her twice: two pages, each with the same tombstone
        do(drains, planner, "work_order.assign", work_order_id=given["id"], assignee_ids=[holder.id])

    tag: dict[str, str] = {}
    for _ in range(10):
        answer = await device.ask(**tag)
        assert answer.status_code == 200, "she would keep her cursor, and ask the same for ever"
        device.copy.take(answer.json())
        tag = {"If-None-Match": answer.headers["etag"]} if "etag" in answer.headers else {}
        if not answer.json()["more"]:
            break

    assert not answer.json()["more"]
    assert device.copy.held == {}


# -- when a copy begins anew ------------------------------------------------------------------------------


def opened_up(cursor: str) -> list[Any]:
    found: list[Any] = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return found


def sealed(held: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(held).encode()).rstrip(b"=").decode()


def moved(cursor: str, *, by: timedelta) -> str:
    """A cursor as it would have been so much later."""
    held = opened_up(cursor)
    held[4:6] = [ms and ms + int(by.total_seconds() * 1000) for ms in held[4:6]]
    return sealed(held)


def backdate(copy: Copy, *, by: timedelta) -> None:
    copy.cursor = moved(str(copy.cursor), by=-by)


async def refused(web: httpx.AsyncClient, person: Person, since: str) -> dict[str, Any]:
    answer = await web.get("/api/sync", params={"since": since}, headers=person.auth)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: "",
        lambda _: "x",
        lambda _: "\u00e4",
        lambda cursor: cursor[:-3],
        lambda cursor: cursor * 9,
        lambda cursor: sealed([*opened_up(cursor), 1]),
        lambda cursor: sealed([2, *opened_up(cursor)[1:]]),
        lambda cursor: sealed([*opened_up(cursor)[:6], ["no.such.phase", 1, "x"]]),
        lambda cursor: sealed([*opened_up(cursor)[:6], [{"$gt": ""}, 1, "x"]]),
        lambda cursor: sealed([*opened_up(cursor)[:5], 10**20, ["", 0, ""]]),
    ],
)
async def test_a_cursor_that_is_none_of_ours_begins_anew(
    web: httpx.AsyncClient, people: People, spoil: Any
) -> None:
    device = Device(web, people.add("technician"))
    cursor = (await device.sync()).cursor

    answer = await refused(web, device.person, spoil(cursor))

    assert (answer["resync"], answer["reason"], answer["more"]) == (True, "malformed", True)
    assert answer["entities"] == answer["tombstones"] == []


async def test_a_cursor_of_another_user_server_or_time_begins_anew(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    tech, colleague = people.add("technician"), people.add("technician")
    stranger = people.stranger("technician")
    cursor = str((await Device(web, tech).sync()).cursor)

    async def reason(person: Person, since: str) -> Any:
        return (await refused(web, person, since)).get("reason")

    assert await reason(tech, cursor) is None
    assert await reason(colleague, cursor) == "another_user"
    assert await reason(stranger, cursor) == "another_user"
    assert await reason(tech, moved(cursor, by=timedelta(hours=1))) == "from_the_future"
    assert await reason(tech, moved(cursor, by=-timedelta(days=89))) is None
    assert await reason(tech, moved(cursor, by=-timedelta(days=91))) == "too_old"

    now = SystemClock().now()
    act = Act(id=new_id(), tenant_id="platform", user_id=None, via="cli", reason="restored", at=now)
    assert lineage.renew(store, act) == act.id
    assert await reason(tech, cursor) == "another_server"
    audited = store["operator_actions"].find_one({"id": act.id})
    assert audited is not None
    assert (audited["act"], audited["after"]) == ("lineage.renewed", {"id": act.id})


async def test_other_permissions_begin_anew_and_leave_what_is_still_seen(
    people: People, store: Database[Any], app: Litestar
) -> None:
    tech = people.add("technician")
    seal = put(store, "parts", tech.tenant_id, name="Seal", unit="piece")
    mine = order(
        store, tech.tenant_id, 1, assignee_ids=[tech.id], status="assigned", parts=[{"part_id": seal["id"]}]
    )
    order(store, tech.tenant_id, 2, team_id="crew", status="assigned")
    async with running(app) as web:
        device = Device(web, tech)
        assert len((await device.sync()).held) == 3

    store["users"].update_one({"id": tech.id}, {"$set": {"roles": ["requester", "viewer"]}})
    async with running(create_app(app.state.house.settings)) as web:  # which has not read the user yet
        device.web = web
        copy = await device.sync()

    assert [answer.get("reason") for answer in device.answers] == ["other_permissions", None]
    assert copy.ids("work_order") == {mine["id"]}


@pytest.mark.parametrize("query", ["limit=0", "limit=10001", "limit=x", "since=a&since=b", "colour=red"])
async def test_a_parameter_that_is_unknown_or_malformed_is_422(
    web: httpx.AsyncClient, people: People, query: str
) -> None:
    answer = await web.get(f"/api/sync?{query}", headers=people.add("technician").auth)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_query")


async def test_the_protocol_is_in_openapi(web: httpx.AsyncClient) -> None:
    described = (await web.get("/api/openapi.json")).json()["paths"]["/api/sync"]["get"]

    assert {one["name"] for one in described["parameters"]} == {"since", "limit", "If-None-Match"}
    answer = described["responses"]["200"]["content"]["application/json"]["schema"]
    assert {"entities", "tombstones", "more", "cursor"} <= set(answer["required"])


def do(drains: Drains, person: Person, type: str, /, **payload: Any) -> None:
    """A command of this person, applied."""
    db: Database[Any] = drains.mongo[drains.database]
    seed = Seeds(db, catalogue(), person.tenant_id)
    command = seed.document(type, payload, user_id=person.id)
    seed.accept_all([command])
    drains.until_dry([(person.tenant_id, command["target"])])
    assert seed.state(command) == "applied", seed.found(command).get("error")
