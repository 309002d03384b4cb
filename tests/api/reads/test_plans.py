"""Plans and calendars over HTTP: asked for, listed, foreseen, and what came of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from pymongo import MongoClient
from pymongo.database import Database

from adapters.commands.document import Origin
from adapters.mongo.client import document_id
from domain.time.instants import rfc3339
from tasks.catalogue import catalogue
from tests.api.people import People, Person, new_id
from tests.support.drains import Drains
from tests.support.seeds import Seeds

ZONE = "Europe/Berlin"
TEMPLATE = {"title": "Look after it", "checklist": [{"text": "Tight?", "kind": "check", "required": True}]}


class Office:
    """A planner at the API, a worker, and a schedule's hand for what falls due."""

    def __init__(self, web: httpx.AsyncClient, store: Database[Any], people: People) -> None:
        client: MongoClient[Any] = store.client
        self.web = web
        self.store = store
        self.planner = people.add("planner")
        self.drains = Drains(client, store.name, catalogue())
        self.seeds = Seeds(store, catalogue(), people.tenant_id)

    async def ask(self, type: str, *, by: Person | None = None, **payload: Any) -> dict[str, Any]:
        """One command, applied with all that follows; its receipt."""
        asker = by or self.planner
        answer = await self.web.post(f"/api/commands/{type}", headers=asker.sends(), json=payload)
        assert answer.status_code == 202, answer.text
        told = answer.json()
        self.drains.until_dry([(self.planner.tenant_id, told["target"])])
        answer = await self.web.get(f"/api/commands/{told['command_id']}", headers=asker.auth)
        receipt: dict[str, Any] = answer.json()
        return receipt

    async def read(self, path: str, **params: str) -> Any:
        answer = await self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def get(self, path: str, **params: str) -> httpx.Response:
        return await self.web.get(f"/api/{path}", params=params, headers=self.planner.auth)

    async def asset(self, name: str) -> str:
        id = new_id()
        assert (await self.ask("asset.create", id=id, name=name, criticality="low"))["state"] == "applied"
        return id

    async def plan(self, *asset_ids: str, **rules: Any) -> str:
        """A plan, due each morning from tomorrow on unless the rules say otherwise."""
        id = new_id()
        body = {
            "id": id,
            "name": "Morning round",
            "trigger": daily(self.drains.clock.now() + timedelta(days=1)),
            "targets": [{"asset_id": asset_id} for asset_id in asset_ids],
            "template": TEMPLATE,
        }
        receipt = await self.ask("plan.create", **{**body, **rules})
        assert receipt["state"] == "applied", receipt
        return id

    def fall_due(self, plan_id: str) -> None:
        """The worker's clock goes on to when the plan is to be looked at, and the schedule asks for it."""
        found = self.store["plans"].find_one({"_id": document_id(self.planner.tenant_id, plan_id)})
        assert found is not None
        self.drains.clock.push(found["generate_at"] - self.drains.clock.now())
        payload = {"plan_id": plan_id, "at": rfc3339(found["generate_at"])}
        asked = self.seeds.document("plan.generate", payload, queue="time", origin=Origin(via="schedule"))
        self.seeds.accept_all([asked])
        self.drains.until_dry([(self.planner.tenant_id, f"plan:{plan_id}")])


def daily(start: datetime, **more: Any) -> dict[str, Any]:
    local = f"{start:%Y-%m-%d}T08:00"
    return {"kind": "interval", "every": 1, "unit": "day", "start_local": local, "time_zone": ZONE} | more


@pytest.fixture
def office(web: httpx.AsyncClient, store: Database[Any], people: People) -> Office:
    return Office(web, store, people)


async def test_what_the_preview_shows_is_what_is_opened(office: Office) -> None:
    pump, fan = await office.asset("Pump"), await office.asset("Fan")
    id = await office.plan(pump, fan, skip_every=2)
    foreseen = (await office.read(f"plans/{id}/preview"))["occurrences"][:6]

    for _ in range(3):
        office.fall_due(id)

    orders = (await office.read("work-orders", plan_id=id))["items"]
    kept = [row for row in foreseen if "skipped" not in row]
    assert sorted((one["plan"]["occurrence"], one["asset"]["id"]) for one in orders) == sorted(
        (row["occurrence"], row["asset_id"]) for row in kept
    )
    assert {one["due_at"] for one in orders} == {row["due_at"] for row in kept}
    assert {row["skipped"]["code"] for row in foreseen if "skipped" in row} == {"skip_every"}
    shown = await office.read(f"plans/{id}")
    assert shown["last_generated"]["occurrence"] == kept[-1]["occurrence"]
    assert [one["code"] for one in shown["skipped"]] == ["skip_every"]
    assert len(shown["open_orders"]) == 4


async def test_a_plan_reads_as_it_was_asked_for_with_its_state_beside_it(office: Office) -> None:
    id = await office.plan(await office.asset("Pump"))

    answer = await office.web.get(f"/api/plans/{id}", headers=office.planner.auth)
    known = await office.web.get(
        f"/api/plans/{id}", headers=office.planner.auth | {"If-None-Match": answer.headers["etag"]}
    )

    shown = answer.json()
    assert (shown["name"], shown["state"], shown["version"]) == ("Morning round", "active", 1)
    assert (shown["trigger"]["kind"], shown["trigger"]["basis"]) == ("interval", "fixed")
    assert shown["next_due_at"] == shown["generate_at"]
    assert (answer.headers["etag"], known.status_code) == ('"1"', 304)


async def test_plans_are_found_by_state_asset_calendar_name_and_due_date(office: Office) -> None:
    pump, fan, calendar = await office.asset("Pump"), await office.asset("Fan"), new_id()
    receipt = await office.ask("calendar.set", id=calendar, name="Plant", time_zone=ZONE)
    assert receipt["state"] == "applied"
    late = daily(office.drains.clock.now() + timedelta(days=40))
    first = await office.plan(pump, name="First", calendar_id=calendar)
    second = await office.plan(fan, name="Second", trigger=late)
    third = await office.plan(pump, fan, name="Third")
    await office.ask("plan.pause", plan_id=third)
    soon = rfc3339(office.drains.clock.now() + timedelta(days=10))

    async def found(**params: str) -> list[str]:
        return [item["id"] for item in (await office.read("plans", **params))["items"]]

    assert await found() == [first, second, third]
    assert await found(state="paused") == [third]
    assert await found(asset_id=fan) == [second, third]
    assert await found(calendar_id=calendar) == [first]
    assert await found(q="econ") == [second]
    assert await found(due_before=soon, state="active") == [first]
    assert [one["name"] for one in (await office.read("calendars"))["items"]] == ["Plant"]
    page = await office.read("plans", limit="2", sort="name")
    assert [
        one["id"]
        for one in (await office.read("plans", limit="2", cursor=page["cursor"], sort="name"))["items"]
    ] == [third]


async def test_a_preview_asks_for_a_span_that_makes_sense(office: Office) -> None:
    id = await office.plan(await office.asset("Pump"))
    start = office.drains.clock.now() + timedelta(days=1)
    day, next_day = f"{start:%Y-%m-%d}", f"{start + timedelta(days=1):%Y-%m-%d}"

    one = await office.read(f"plans/{id}/preview", **{"from": day, "to": next_day})
    full = await office.read(f"plans/{id}/preview", **{"from": day, "to": f"{start.year + 9}-01-01"})
    none = await office.read(f"plans/{id}/preview", **{"from": "2020-01-01", "to": "2021-01-01"})

    assert [row["occurrence"] for row in one["occurrences"]] == [f"{day}T08:00"]
    assert one["more"] is False
    assert (len(full["occurrences"]), full["more"]) == (1_000, True)
    assert none["occurrences"] == []
    for wrong in (
        {"from": "tomorrow"},
        {"from": "2026-03-01T08:00"},
        {"from": "0001-01-01"},
        {"from": next_day, "to": day},
        {"from": day, "to": f"{start.year + 11}-01-01"},
        {"since": day},
    ):
        refused = await office.get(f"plans/{id}/preview", **wrong)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_query")


async def test_the_timeline_of_a_plan_tells_what_it_brought_and_left_out(office: Office) -> None:
    id = await office.plan(await office.asset("Pump"), open_policy="skip")
    for _ in range(2):
        office.fall_due(id)

    items = (await office.read(f"plans/{id}/timeline"))["items"]

    told = [event for item in items for event in item["events"]]
    assert [event["type"] for event in told] == [
        "plan.created",
        "plan.generated",
        "work_order.created",
        "plan.occurrence_skipped",
    ]
    assert told[-1]["data"]["code"] == "open_order"
    kind, _, order = told[2]["target"].partition(":")
    [created] = (await office.read(f"{kind.replace('_', '-')}s/{order}/timeline"))["items"]
    assert (created["type"], created["target"], created["state"]) == (
        "plan.generate",
        f"plan:{id}",
        "applied",
    )
    assert [event["type"] for event in created["events"]] == ["work_order.created"]


async def test_a_plan_of_another_tenant_is_not_there(office: Office, people: People) -> None:
    id = await office.plan(await office.asset("Pump"))
    stranger = people.stranger("admin")

    for path in (f"plans/{id}", f"plans/{id}/preview", f"plans/{id}/timeline"):
        answer = await office.web.get(f"/api/{path}", headers=stranger.auth)
        assert answer.status_code == 404
    assert (await office.web.get("/api/plans", headers=stranger.auth)).json()["items"] == []


async def test_the_door_names_the_rule_that_is_wrong(office: Office) -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("/trigger/kind", {"trigger": {"kind": "cron"}}),
        ("/trigger/every", {"trigger": {"kind": "interval", "every": 0}}),
        ("/targets", {"targets": []}),
        ("/lead_time", {"lead_time": "1 day"}),
        ("/seasons/0/from", {"seasons": [{"from": "02-30", "to": "03-01"}]}),
        ("/on_holiday", {"on_holiday": "weep"}),
    ]
    body = {
        "name": "Round",
        "trigger": daily(office.drains.clock.now()),
        "targets": [{"asset_id": new_id()}],
        "template": TEMPLATE,
    }

    for path, change in wrong:
        answer = await office.web.post(
            "/api/commands/plan.create", headers=office.planner.sends(), json=body | change
        )
        assert answer.status_code == 422
        assert [error["path"] for error in answer.json()["errors"]] == [path]


async def test_the_contract_says_what_a_trigger_may_be(office: Office) -> None:
    document = (await office.web.get("/api/openapi.json")).json()

    body = document["paths"]["/api/commands/plan.create"]["post"]["requestBody"]
    trigger = body["content"]["application/json"]["schema"]["properties"]["trigger"]
    kinds = [kind for option in trigger["anyOf"] for kind in option["properties"]["kind"]["enum"]]
    assert {"rrule", "interval"} <= set(kinds)
    assert "discriminator" not in trigger


async def test_of_a_meter_the_preview_shows_the_total_it_is_due_at_and_guesses_no_date(
    office: Office, people: People
) -> None:
    technician = people.add("technician")
    asset, meter = await office.asset("Compressor"), new_id()
    await office.ask("meter.create", id=meter, asset_id=asset, name="Hours", unit="h")
    trigger = {"kind": "meter", "meter_id": meter, "every": 250, "count": 2}
    plan = await office.plan(asset, trigger=trigger)

    async def foreseen() -> Any:
        return await office.read(f"plans/{plan}/preview")

    unread = await foreseen()
    await office.ask("meter.reading.record", by=technician, meter_id=meter, value="251.5")
    read = await foreseen()
    await office.ask("meter.reading.record", by=technician, meter_id=meter, value="500")

    assert unread["occurrences"] == read["occurrences"] == []
    assert (unread["meter"]["next_at"], unread["meter"]["last_read_at"]) == ("250", None)
    assert (read["meter"]["occurrence"], read["meter"]["last_total"]) == ("meter@500", "251.5")
    assert "meter" not in await foreseen()
