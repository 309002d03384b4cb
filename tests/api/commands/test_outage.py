"""When a store falls silent: no 202 without durability, an answer in time, and service again by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from pymongo.database import Database

from adapters.process.clock import SystemClock
from adapters.settings.table import Settings
from api.app import create_app
from tests.api.asking import running
from tests.api.people import People
from tests.support.wire import Wire

ROUTE = "/api/commands/work_order.create"
ORDER = {"title": "Replace the bearing", "type": "corrective", "priority": "high"}


@pytest.fixture
def mongo_wire(settings: Settings) -> Iterator[Wire]:
    parts = urlsplit(settings.mongo_uri)
    assert parts.hostname
    assert parts.port
    with Wire(parts.hostname, parts.port) as wire:
        yield wire


def through(settings: Settings, wire: Wire) -> Settings:
    """The settings with the wire between us and the server; `directConnection` keeps the driver on it."""
    parts = urlsplit(settings.mongo_uri)
    query = "&".join(
        pair for pair in parts.query.split("&") if not pair.startswith(("replicaSet=", "directConnection="))
    )
    uri = parts._replace(netloc=f"127.0.0.1:{wire.port}", query=f"{query}&directConnection=true".lstrip("&"))
    return replace(settings, mongo_uri=uri.geturl())


async def test_while_the_store_is_silent_the_answer_is_503_within_five_seconds_and_then_service_resumes(
    settings: Settings, mongo_wire: Wire, people: People, store: Database[dict[str, object]]
) -> None:
    planner, clock = people.add("planner"), SystemClock()
    keys = [planner.sends() for _ in range(6)]
    async with running(create_app(through(settings, mongo_wire))) as web:
        assert (await web.post(ROUTE, json=ORDER, headers=planner.sends())).status_code == 202

        mongo_wire.silent.set()
        asked = clock.monotonic()
        # The last two come while the first write hangs, and must not wait for it and then for their own.
        early = [asyncio.create_task(web.post(ROUTE, json=ORDER, headers=key)) for key in keys[:4]]
        answered, _ = await asyncio.wait(early, timeout=1)
        late_asked = clock.monotonic()
        late = [asyncio.create_task(web.post(ROUTE, json=ORDER, headers=key)) for key in keys[4:]]
        answers = await asyncio.gather(*early)
        early_took = clock.monotonic() - asked
        answers += await asyncio.gather(*late)
        late_took = clock.monotonic() - late_asked
        mongo_wire.silent.clear()

        assert not answered
        assert [answer.status_code for answer in answers] == [503] * 6
        assert {answer.json()["code"] for answer in answers} == {"store_unavailable"}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
        assert early_took < 5
        assert late_took < 5
        async with asyncio.timeout(20):
            again = [await _insist(web, key) for key in keys]

    assert [answer.status_code for answer in again] == [202] * 6
    assert store["commands"].count_documents({"tenant_id": planner.tenant_id}) == 7


async def _insist(web: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
    """Repeats the same body with the same key until it is accepted, as a client would."""
    while True:
        answer = await web.post(ROUTE, json=ORDER, headers=headers)
        if answer.status_code != 503:
            return answer


async def test_with_the_queue_down_commands_are_accepted_at_once_and_readiness_says_degraded(
    settings: Settings, people: People
) -> None:
    planner, clock = people.add("planner"), SystemClock()
    dead = replace(settings, redis_url="redis://127.0.0.1:1/0")
    async with running(create_app(dead)) as web:
        asked = clock.monotonic()
        answers = await asyncio.gather(
            *(web.post(ROUTE, json=ORDER, headers=planner.sends()) for _ in range(20))
        )
        took = clock.monotonic() - asked
        ready = await web.get("/api/health/ready")

    assert [answer.status_code for answer in answers] == [202] * 20
    assert took < 2
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "ready", "database": "up", "queue": "degraded"},
    )


async def test_without_the_store_the_process_lives_and_is_not_ready(settings: Settings) -> None:
    gone = replace(settings, mongo_uri="mongodb://127.0.0.1:1/x?directConnection=true")
    async with running(create_app(gone)) as web:
        live, ready = await web.get("/api/health/live"), await web.get("/api/health/ready")

    assert (live.status_code, live.json()["status"]) == (200, "live")
    assert ready.status_code == 503
    assert (ready.json()["status"], ready.json()["database"]) == ("not_ready", "down")


async def test_metrics_count_requests_by_route_template_and_commands_by_type(
    settings: Settings, people: People
) -> None:
    planner = people.add("planner")
    async with running(create_app(settings)) as web:
        headers = planner.sends()
        for _ in range(2):
            await web.post(ROUTE, json=ORDER, headers=headers)
        await web.get("/api/work-orders/no-such-id", headers=planner.auth)

        text = (await web.get("/metrics")).text

    assert 'commands_accepted_total{type="work_order.create"} 1.0' in text
    assert (
        'http_requests_total{method="POST",route="/api/commands/work_order.create",status="202"} 2.0' in text
    )
    assert 'route="/api/work-orders/{id}",status="404"' in text
    assert "no-such-id" not in text


async def test_while_the_store_is_silent_nobody_who_reads_operates_or_logs_in_waits_longer_than_five_seconds(
    settings: Settings, mongo_wire: Wire, people: People
) -> None:
    viewer, admin, platform = people.add("viewer"), people.add("admin"), people.add("platform")
    clock = SystemClock()
    login = {"email": f"{uuid4().hex}@nowhere.test", "password": "Millwright-2026"}
    async with running(create_app(through(settings, mongo_wire))) as web:
        for person in (viewer, admin, platform):
            assert (await web.get("/api/auth/me", headers=person.auth)).status_code == 200

        mongo_wire.silent.set()
        asked = clock.monotonic()
        answers = await asyncio.gather(
            *(
                web.get(path, headers=viewer.auth)
                for path in ("/api/work-orders", "/api/overview", "/api/commands")
            ),
            *(
                web.get(f"/api/operator/{name}", headers=person.auth)
                for person, name in ((admin, "dead-letters"), (admin, "audit"), (platform, "schedules"))
            ),
            web.get("/api/work-orders/no-such-id", headers=viewer.auth),
            web.post("/api/auth/login", json=login),
        )
        took = clock.monotonic() - asked

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (503, "store_unavailable")
    ] * 8
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
    # Who only asked has no outcome to be in doubt of, and no key.
    assert {answer.json()["detail"].partition("; ")[2] for answer in answers[:7]} == {
        "nothing was changed: repeat the request"
    }
    assert took < 5
