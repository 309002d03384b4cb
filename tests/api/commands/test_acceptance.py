"""What a 202 promises, and what uses up an idempotency key."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import redis
from pymongo.database import Database

from adapters.settings.table import Settings
from api.app import create_app
from tests.api.asking import running
from tests.api.commands.anything import SPEC
from tests.api.people import People, new_id

ROUTE = "/api/commands/work_order.create"
ORDER = {"title": "Replace the bearing", "type": "corrective", "priority": "high"}


async def test_an_accepted_command_is_durable_and_says_where_its_receipt_is(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    answer = await web.post(
        ROUTE, json=ORDER, headers=planner.sends(traceparent=trace, **{"X-Request-ID": "call-17"})
    )

    body = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/api/commands/{body['command_id']}"
    assert answer.headers["x-request-id"] == "call-17"
    assert body["state"] == "accepted"
    assert body["target"].startswith("work_order:")
    stored = store["commands"].find_one({"_id": body["command_id"]})
    assert stored is not None
    assert stored["payload"] == ORDER
    assert stored["tenant_id"] == planner.tenant_id
    assert stored["origin"] == {
        "via": "api",
        "user_id": planner.id,
        "request_id": "call-17",
        "traceparent": trace,
    }


async def test_fifty_equal_posts_at_once_are_one_command(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    headers = planner.sends()

    answers = await asyncio.gather(*(web.post(ROUTE, json=ORDER, headers=headers) for _ in range(50)))

    assert [answer.status_code for answer in answers] == [202] * 50
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert store["commands"].count_documents({"tenant_id": planner.tenant_id}) == 1


async def test_a_repeat_gets_the_first_answer_with_the_target_made_for_it(
    web: httpx.AsyncClient, people: People
) -> None:
    headers = people.add("planner").sends()
    first = await web.post(ROUTE, json=ORDER, headers=headers)

    again = await web.post(
        ROUTE,
        content=b'{"priority":"high", "type":"corrective",\n"title":"Replace the bearing"}',
        headers=headers,
    )

    assert again.status_code == 202
    assert again.headers["idempotent-replayed"] == "true"
    assert again.content == first.content


async def test_a_key_used_with_another_body_names_the_first_command(
    web: httpx.AsyncClient, people: People
) -> None:
    headers = people.add("planner").sends()
    first = await web.post(ROUTE, json=ORDER, headers=headers)

    other = await web.post(ROUTE, json=ORDER | {"title": "Another"}, headers=headers)

    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_reused"
    assert other.json()["command_id"] == first.json()["command_id"]


async def test_another_base_version_is_another_body(web: httpx.AsyncClient, people: People) -> None:
    planner, key = people.add("planner"), uuid4().hex
    payload = {"work_order_id": new_id(), "title": "A better title"}
    route = "/api/commands/work_order.update"
    first = await web.post(route, json=payload, headers=planner.sends(key, **{"If-Match": '"7"'}))

    other = await web.post(route, json=payload, headers=planner.sends(key, **{"If-Match": '"8"'}))

    assert first.status_code == 202
    assert other.json()["code"] == "idempotency_key_reused"


async def test_if_match_becomes_the_base_version(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    payload = {"work_order_id": new_id(), "title": "A better title"}
    headers = people.add("planner").sends(**{"If-Match": '"7"'})

    answer = await web.post("/api/commands/work_order.update", json=payload, headers=headers)

    stored = store["commands"].find_one({"_id": answer.json()["command_id"]})
    assert stored is not None
    assert stored["base_version"] == 7


async def test_two_users_may_use_the_same_key(web: httpx.AsyncClient, people: People) -> None:
    key = uuid4().hex

    answers = [await web.post(ROUTE, json=ORDER, headers=people.add("planner").sends(key)) for _ in range(2)]

    assert len({answer.json()["command_id"] for answer in answers}) == 2


async def test_a_create_may_bring_its_own_id(web: httpx.AsyncClient, people: People) -> None:
    id = new_id()

    answer = await web.post(ROUTE, json=ORDER | {"id": id}, headers=people.add("planner").sends())

    assert answer.json()["target"] == f"work_order:{id}"


async def test_a_refusal_does_not_use_up_the_key(web: httpx.AsyncClient, people: People) -> None:
    headers = people.add("planner").sends()
    refused = await web.post(ROUTE, json=ORDER | {"title": ""}, headers=headers)

    accepted = await web.post(ROUTE, json=ORDER, headers=headers)

    assert refused.status_code == 422
    assert accepted.status_code == 202
    assert "idempotent-replayed" not in accepted.headers


async def test_one_that_cannot_be_encoded_does_not_fail_its_neighbours(
    settings: Settings, people: People
) -> None:
    admin, route = people.add("admin"), "/api/commands/thing.note"
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    unstorable = [
        ({"a": [2**63]}, "/value/a/0"),
        (deep, "/value" + "/0" * 30),
        ({"a/b": "x\0"}, "/value/a~1b"),
    ]
    async with running(create_app(settings, catalogue={SPEC.type: SPEC})) as web:
        answers = await asyncio.gather(
            *(
                web.post(route, json={"value": value}, headers=admin.sends())
                for bad, _ in unstorable
                for value in (bad, "good")
            )
        )

    assert [answer.status_code for answer in answers] == [422, 202] * len(unstorable)
    named = [answer.json()["errors"][0]["path"] for answer in answers[::2]]
    assert named == [path for _, path in unstorable]


async def test_the_line_is_hinted_after_acceptance(
    web: httpx.AsyncClient, people: People, redis_url: str
) -> None:
    with redis.Redis.from_url(redis_url) as valkey, valkey.pubsub(ignore_subscribe_messages=True) as bell:
        bell.subscribe("millwright:doorbell:interactive")
        bell.get_message(timeout=1)

        await web.post(ROUTE, json=ORDER, headers=people.add("planner").sends())

        rung = await asyncio.to_thread(lambda: bell.get_message(timeout=5))
    assert rung is not None
