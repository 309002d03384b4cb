"""Plans over HTTP: asked for, previewed, listed; and the schedules that bring them about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from adapters import mongo
from adapters.clock import SystemClock
from tasks.catalogue import catalogue
from tests.api.people import People, Person, new_id
from tests.servers import Servers
from tests.support.drains import Drains

WEEKLY = {
    "kind": "rrule",
    "rrule": "FREQ=WEEKLY;BYDAY=MO,TH",
    "start_local": "2026-01-01T08:00",
    "time_zone": "Europe/Berlin",
}


@pytest.fixture
def drains(servers: Servers, store: Database[Any]) -> Any:
    with mongo.client(servers.mongo_uri) as client:
        yield Drains(client, store.name, catalogue())


async def post(web: httpx.AsyncClient, person: Person, type: str, **payload: Any) -> dict[str, Any]:
    answer = await web.post(f"/api/commands/{type}", headers=person.sends(), json=payload)
    found: dict[str, Any] = answer.json()
    assert answer.status_code == 202, found
    return found


async def planned(web: httpx.AsyncClient, drains: Drains, person: Person, **rules: Any) -> str:
    asset, plan = new_id(), new_id()
    await post(web, person, "asset.create", id=asset, name="Pump", criticality="low")
    asked = {
        "id": plan,
        "name": "Grease the pump",
        "trigger": WEEKLY,
        "targets": [{"asset_id": asset}],
        "template": {"title": "Grease it"},
    }
    await post(web, person, "plan.create", **(asked | rules))
    drains.until_dry([(person.tenant_id, f"asset:{asset}"), (person.tenant_id, f"plan:{plan}")])
    return plan


async def test_a_plan_is_shown_as_it_was_asked_for_beside_how_far_it_has_come(
    web: httpx.AsyncClient, people: People, drains: Drains
) -> None:
    planner = people.add("planner")
    plan = await planned(web, drains, planner)

    shown = (await web.get(f"/api/plans/{plan}", headers=planner.auth)).json()
    listed = (await web.get("/api/plans?sort=name&q=grease", headers=planner.auth)).json()

    assert shown["trigger"]["rrule"] == WEEKLY["rrule"]
    assert (shown["name"], shown["state"], shown["revision"]) == ("Grease the pump", "active", 1)
    assert shown["next_due_at"] > f"{SystemClock().now():%Y-%m-%d}"
    assert [item["id"] for item in listed["items"]] == [plan]


async def test_a_preview_says_what_will_come_and_what_will_be_left_out_and_why(
    web: httpx.AsyncClient, people: People, drains: Drains
) -> None:
    planner = people.add("planner")
    plan = await planned(web, drains, planner, skip_every=2, lead_time="P2D")

    url = f"/api/plans/{plan}/preview?from=2028-03-20&to=2028-04-01"
    rows = (await web.get(url, headers=planner.auth)).json()["occurrences"]

    assert [row["occurrence"] for row in rows] == [f"2028-03-{day}T08:00" for day in (20, 23, 27, 30)]
    # The clocks change on 26 March: eight o'clock stays eight o'clock.
    assert [row["due_at"][11:16] for row in rows] == ["07:00", "07:00", "06:00", "06:00"]
    assert rows[0]["generate_at"].startswith("2028-03-18")
    assert [row.get("skipped", {}).get("code") for row in rows].count("skip_every") == 2


async def test_a_preview_is_bounded_and_names_the_parameter_that_is_wrong(
    web: httpx.AsyncClient, people: People, drains: Drains
) -> None:
    planner = people.add("planner")
    plan = await planned(web, drains, planner)

    for query, name in (("from=soon", "from"), ("from=2028-01-01&to=2027-01-01", "to")):
        answer = await web.get(f"/api/plans/{plan}/preview?{query}", headers=planner.auth)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["path"] == f"/query/{name}"


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ({"trigger": WEEKLY | {"rrule": "FREQ=MINUTELY"}}, "rule_too_frequent"),
        ({"trigger": WEEKLY | {"rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}}, "rule_exhausted"),
        ({"trigger": WEEKLY | {"time_zone": "Mars/Olympus"}}, "unknown_time_zone"),
        ({"trigger": WEEKLY | {"ends_on": "2026-02-01"}}, "nothing_to_come"),
        ({"on_holiday": "skip"}, "calendar_missing"),
    ],
)
async def test_a_plan_that_makes_no_sense_is_refused_with_a_word_and_the_field(
    web: httpx.AsyncClient, people: People, drains: Drains, store: Database[Any], rules: Any, code: str
) -> None:
    planner = people.add("planner")

    plan = await planned(web, drains, planner, **rules)

    found = store["commands"].find_one({"target": f"plan:{plan}"})
    assert found is not None
    assert (found["state"], found["error"]["code"]) == ("rejected", code)
    assert found["error"]["path"]


async def test_the_plans_of_another_tenant_are_not_there(
    web: httpx.AsyncClient, people: People, drains: Drains
) -> None:
    plan = await planned(web, drains, people.add("planner"))

    for path in (f"/api/plans/{plan}", f"/api/plans/{plan}/preview"):
        assert (await web.get(path, headers=people.stranger().auth)).status_code == 404


async def test_operators_of_the_platform_see_what_fires_next_and_pause_it_with_a_reason(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    operator = people.add("platform")
    store["schedules"].delete_many({})
    url = "/api/operator/schedules"

    unreasoned = await web.post(f"{url}/plans/pause", headers=operator.auth, json={})
    paused = await web.post(f"{url}/plans/pause", headers=operator.auth, json={"reason": "stocktaking"})
    again = await web.post(f"{url}/plans/pause", headers=operator.auth, json={"reason": "stocktaking"})
    shown = {row["name"]: row for row in (await web.get(url, headers=operator.auth)).json()["items"]}

    assert (unreasoned.status_code, paused.status_code, again.status_code) == (422, 200, 409)
    assert shown["plans"]["paused"]["reason"] == "stocktaking"
    assert shown["calendars"]["paused"] is None
    assert store["operator_actions"].count_documents({"act": "schedule.pause"}) == 1
    resumed = await web.post(f"{url}/plans/resume", headers=operator.auth, json={"reason": "done"})
    assert resumed.json()["paused"] is None


async def test_a_lock_shows_its_holder_and_token_and_can_be_released(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    operator, now = people.add("platform"), SystemClock().now()
    lease = {"_id": "schedule:plans", "owner": "o1", "token": 7, "acquired_at": now, "heartbeat_at": now}
    later = {"expires_at": now + timedelta(minutes=10), "min_until": now}
    store["leases"].replace_one({"_id": "schedule:plans"}, lease | later, upsert=True)

    (lock,) = (await web.get("/api/operator/locks", headers=operator.auth)).json()["items"]
    url = "/api/operator/locks/schedule:plans/release"
    released = await web.post(url, headers=operator.auth, json={"reason": "its pod is gone"})

    assert (lock["owner"], lock["token"], lock["held"]) == ("o1", 7, True)
    assert (released.status_code, released.json()["held"]) == (200, False)


async def test_no_role_of_a_tenant_reaches_what_crosses_tenants(
    web: httpx.AsyncClient, people: People
) -> None:
    admin = people.add("admin")

    for path in ("schedules", "locks"):
        assert (await web.get(f"/api/operator/{path}", headers=admin.auth)).status_code == 403
