"""How the system before this one lost or doubled what technicians did offline, weakness by weakness.

B12 to B16 are the numbers of the study of that system; each test here would have failed there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from adapters.process.clock import SystemClock
from adapters.settings.table import Settings
from api.app import create_app
from tests.api.asking import running
from tests.api.offline.test_replays import Json, Phone, statuses
from tests.api.people import People, Person, new_id

Apply = Callable[[], None]
TIE = SystemClock().now() - timedelta(hours=1)
"""One and the same instant of change, which a cursor of times alone would stumble over."""


class Basement:
    """A technician whose phone comes back, and an office that went on meanwhile."""

    def __init__(self, web: httpx.AsyncClient, people: People, store: Database[Any], apply: Apply) -> None:
        self.web, self.people, self.store, self._apply = web, people, store, apply
        self.person = people.add("supervisor")
        self.office = people.add("admin")
        self.phone = Phone(web, self.person)

    async def applied(self) -> None:
        await asyncio.to_thread(self._apply)

    async def posts(self, type: str, payload: Json, key: str | None = None, **headers: str) -> httpx.Response:
        sent = self.office.sends(key, **headers)
        return await self.web.post(f"/api/commands/{type}", headers=sent, json=payload)

    async def order(self, **more: Any) -> str:
        """An order of the office's, applied."""
        id = new_id()
        made = {"id": id, "title": "Oil leak", "type": "corrective", "priority": "low"}
        assert (await self.posts("work_order.create", made | more)).status_code == 202
        await self.applied()
        return id

    def stored(self, id: str) -> Json:
        found = self.store.work_orders.find_one({"_id": f"{self.person.tenant_id}/{id}"})
        assert found is not None
        return dict(found)

    def command(self, result: Json) -> Json:
        found = self.store.commands.find_one({"_id": result["command_id"]})
        assert found is not None
        return dict(found)


@pytest.fixture
def basement(web: httpx.AsyncClient, people: People, store: Database[Any], apply: Apply) -> Basement:
    return Basement(web, people, store, apply)


async def test_b12_hours_sent_again_online_and_offline_are_counted_once(basement: Basement) -> None:
    order = await basement.order()
    hours: Json = {"minutes": 90, "worked_on": "2026-03-02", "kind": "regular"}
    logged = basement.phone.on(order, "work_order.labor.log", **hours)

    for _ in range(2):
        await basement.web.post(
            "/api/commands/work_order.labor.log",
            headers=basement.person.sends(logged["id"]),
            json=logged["payload"],
        )
    for _ in range(3):
        await basement.phone.hears(logged)
    await basement.applied()

    assert basement.stored(order)["labor_minutes"] == 90


async def test_b12_parts_and_meter_readings_replayed_are_counted_once(basement: Basement) -> None:
    order, part, meter, asset = await basement.order(), new_id(), new_id(), new_id()
    await basement.posts("part.create", {"id": part, "name": "Seal", "unit": "piece"})
    await basement.posts("part.receive", {"part_id": part, "quantity": 10})
    await basement.posts("asset.create", {"id": asset, "name": "Pump", "criticality": "low"})
    await basement.posts("meter.create", {"id": meter, "asset_id": asset, "name": "Hours", "unit": "h"})
    await basement.applied()
    phone = basement.phone
    used = phone.on(order, "work_order.parts.consume", part_id=part, quantity=2)
    reading = {"meter_id": meter, "value": "120", "kind": "reading"}
    read = phone.action("meter.reading.record", f"meter:{meter}", reading)

    for _ in range(3):
        await phone.hears(used, read)
    await basement.applied()

    rows = basement.store.entries.count_documents({"target": f"meter:{meter}"})
    stock = basement.store.parts.find_one({"_id": f"{basement.person.tenant_id}/{part}"})
    assert rows == 1
    assert stock is not None
    assert stock["stock"] == 8


async def test_b13_a_crash_after_the_write_leaves_a_key_that_answers_and_no_409(
    basement: Basement, settings: Settings
) -> None:
    payload = {"id": new_id(), "title": "Oil leak", "type": "corrective", "priority": "low"}
    async with running(create_app(settings)) as doomed:
        lost = await doomed.post(
            "/api/commands/work_order.create",
            headers=basement.office.sends("the-lost-answer-1"),
            json=payload,
        )

    again = await basement.posts("work_order.create", payload, "the-lost-answer-1")

    # Another process answers for the first: nothing of it was kept in memory.
    assert (again.status_code, again.json()["command_id"]) == (202, lost.json()["command_id"])


async def test_b13_a_refusal_is_not_remembered_under_the_key(basement: Basement) -> None:
    payload = {"id": new_id(), "title": "", "type": "corrective", "priority": "low"}

    refused = await basement.posts("work_order.create", payload, "one-key-for-both-1")
    mended = await basement.posts("work_order.create", payload | {"title": "Oil"}, "one-key-for-both-1")

    assert (refused.status_code, mended.status_code) == (422, 202)


async def test_b13_the_order_of_names_in_a_body_is_no_difference(basement: Basement) -> None:
    payload = {"id": new_id(), "title": "Oil", "type": "corrective", "priority": "low"}

    first = await basement.posts("work_order.create", payload, "any-order-of-names-1")
    again = await basement.posts("work_order.create", dict(reversed(payload.items())), "any-order-of-names-1")

    assert again.json()["command_id"] == first.json()["command_id"]


async def test_b13_the_tenant_of_a_key_comes_from_the_token_alone(basement: Basement) -> None:
    payload = {"id": new_id(), "title": "Oil", "type": "corrective", "priority": "low"}
    other = basement.people.stranger("admin")

    sent = await basement.posts(
        "work_order.create", payload, "whose-tenant-is-it-1", **{"X-Tenant-Id": other.tenant_id}
    )

    stored = basement.command(sent.json())
    assert stored["tenant_id"] == basement.office.tenant_id


@pytest.mark.parametrize("days", [-30, 30])
async def test_b15_no_clock_of_a_device_wins_over_the_office(basement: Basement, days: int) -> None:
    order = await basement.order()
    await basement.posts("work_order.update", {"work_order_id": order, "title": "Pump 4: oil leak"})
    await basement.applied()
    wrong = (SystemClock().now() + timedelta(days=days)).isoformat()
    late = basement.phone.on(order, "work_order.update", base=1, title="Oil") | {"occurred_at": wrong}

    (sent,) = await basement.phone.hears(late)
    await basement.applied()

    assert basement.command(sent)["state"] == "conflict"
    assert basement.stored(order)["title"] == "Pump 4: oil leak"


async def test_b15_fields_are_compared_not_records(basement: Basement) -> None:
    order = await basement.order()
    await basement.posts("work_order.update", {"work_order_id": order, "title": "Pump 4: oil leak"})
    await basement.applied()

    await basement.phone.hears(
        basement.phone.on(order, "work_order.update", base=1, description="At the seal")
    )
    await basement.applied()

    stored = basement.stored(order)
    assert (stored["title"], stored["description"]) == ("Pump 4: oil leak", "At the seal")


async def test_b15_a_replay_passes_the_same_transition_table(basement: Basement) -> None:
    order = await basement.order()

    (sent,) = await basement.phone.hears(basement.phone.on(order, "work_order.close", base=1))
    await basement.applied()

    command = basement.command(sent)
    assert (command["state"], command["error"]["code"]) == ("rejected", "invalid_transition")
    assert basement.stored(order)["status"] == "requested"


async def test_b15_work_was_done_when_it_was_done_not_when_it_was_sent(basement: Basement) -> None:
    order = await basement.order()
    began, ended = (SystemClock().now() - timedelta(hours=hours) for hours in (5, 3))
    phone = basement.phone

    await phone.hears(
        phone.on(order, "work_order.start", base=1) | {"occurred_at": began.isoformat()},
        phone.on(order, "work_order.complete", base=1) | {"occurred_at": ended.isoformat()},
    )
    await basement.applied()

    stored = basement.stored(order)
    took = stored["completed_at"] - stored["started_at"]
    assert abs(took - timedelta(hours=2)) < timedelta(milliseconds=2)


async def test_b15_a_replay_sets_no_field_that_its_command_does_not_have(basement: Basement) -> None:
    order = await basement.order()
    forged = basement.phone.on(order, "work_order.update", base=1, status="closed", cost_total="0")

    (sent,) = await basement.phone.hears(forged)

    assert (sent["status"], sent["errors"][0]["code"]) == ("rejected", "unknown_field")


async def test_b15_an_unknown_type_is_answered_never_skipped(basement: Basement) -> None:
    order = await basement.order()

    results = await basement.phone.hears(basement.phone.on(order, "work_order.teleport"))

    assert statuses(results) == ["retry_later"]


async def test_b15_an_update_of_what_is_not_there_makes_nothing(basement: Basement) -> None:
    nowhere = new_id()

    (sent,) = await basement.phone.hears(basement.phone.on(nowhere, "work_order.update", base=1, title="Oil"))
    await basement.applied()

    assert basement.command(sent)["state"] == "parked"
    assert basement.store.work_orders.count_documents({"id": nowhere}) == 0


async def test_b15_what_waits_can_be_seen_and_is_applied_oldest_first(basement: Basement) -> None:
    order = await basement.order()
    phone = basement.phone
    sent = await phone.hears(*(phone.on(order, "work_order.comment.add", text=str(n)) for n in range(5)))

    waiting = await basement.web.get("/api/commands?state=accepted,retrying", headers=basement.person.auth)
    await basement.applied()

    assert len(waiting.json()["items"]) == 5
    said = {"target": f"work_order:{order}", "type": "work_order.commented"}
    happened = basement.store.events.find(said).sort("version", 1)
    assert [event["command_id"] for event in happened] == [result["command_id"] for result in sent]


async def test_b15_what_comes_down_is_paged_loses_no_ties_and_says_what_is_gone(basement: Basement) -> None:
    technician = basement.people.add("technician")
    orders = [await basement.order(assignee_ids=[technician.id]) for _ in range(3)]
    basement.store.work_orders.update_many({"id": {"$in": orders}}, {"$set": {"updated_at": TIE}})

    cursor, seen = await _copied(basement.web, technician)
    await basement.posts("work_order.assign", {"work_order_id": orders[0], "assignee_ids": []})
    await basement.applied()
    _, then = await _copied(basement.web, technician, cursor)

    assert sorted(row["id"] for row in seen["entities"] if row["kind"] == "work_order") == sorted(orders)
    assert [row["id"] for row in then["tombstones"]] == [orders[0]]


async def _copied(web: httpx.AsyncClient, person: Person, cursor: str | None = None) -> tuple[str, Json]:
    """All that one question after another brings, a row at a time."""
    told: Json = {"entities": [], "tombstones": []}
    more = True
    while more:
        query = {"limit": "1"} | ({"since": cursor} if cursor else {})
        answer = await web.get("/api/sync", params=query, headers=person.auth)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        told = {name: rows + body[name] for name, rows in told.items()}
        cursor, more = body["cursor"], body["more"]
    assert cursor is not None
    return cursor, told


async def test_b16_a_token_goes_with_its_bearer_from_one_network_to_another(basement: Basement) -> None:
    networks = [("Wi-Fi app", "10.0.0.7"), ("LTE app", "172.16.9.1")]

    seen = [
        await basement.web.get(
            "/api/auth/me", headers=basement.person.auth | {"User-Agent": agent, "X-Forwarded-For": address}
        )
        for agent, address in networks
    ]

    assert [answer.status_code for answer in seen] == [200, 200]
