"""Webhooks over HTTP: set, listed with their health, and their secret never shown again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pymongo import MongoClient
from pymongo.database import Database
from typer.testing import CliRunner

from adapters.commands.secrets import MASK
from adapters.process.clock import SystemClock
from adapters.settings.table import Settings
from cli.commands import dead_letters
from tasks.catalogue import catalogue
from tests.api.commands.test_tracking import settle
from tests.api.offline.test_replays import Phone
from tests.api.people import People, Person
from tests.support.drains import Drains

SECRET = "a-secret-that-nobody-reads-again"
WEBHOOK: dict[str, Any] = {
    "url": "https://hooks.example.com/in?token=1",
    "events": ["work_order.completed"],
    "secret": SECRET,
}


class Desk:
    """An administrator at the API, and a worker when one is called for."""

    def __init__(self, web: httpx.AsyncClient, store: Database[Any], people: People) -> None:
        self.web = web
        self.store = store
        self.admin = people.add("admin")
        client: MongoClient[Any] = store.client
        self._drains = Drains(client, store.name, catalogue())

    async def set(self, person: Person | None = None, **payload: Any) -> dict[str, Any]:
        """The answer to webhook.set, accepted or refused."""
        sends = (person or self.admin).sends()
        answer = await self.web.post("/api/commands/webhook.set", headers=sends, json=payload)
        assert SECRET not in answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def apply(self, **payload: Any) -> tuple[str, dict[str, Any]]:
        """The webhook's id, and the receipt."""
        told = await self.set(**payload)
        self._drains.drain((self.admin.tenant_id, told["target"]))
        return told["target"].partition(":")[2], (await self.read(f"commands/{told['command_id']}"))

    async def read(self, path: str) -> Any:
        answer = await self.web.get(f"/api/{path}", headers=self.admin.auth)
        assert answer.status_code == 200, answer.text
        assert SECRET not in answer.text
        return answer.json()

    def stored(self, collection: str) -> list[dict[str, Any]]:
        return list(self.store[collection].find({"tenant_id": self.admin.tenant_id}))


@pytest.fixture
def desk(web: httpx.AsyncClient, store: Database[Any], people: People) -> Desk:
    return Desk(web, store, people)


async def test_a_webhook_is_shown_without_its_secret_and_nothing_but_itself_keeps_it(desk: Desk) -> None:
    id, receipt = await desk.apply(**WEBHOOK)

    listed = await desk.read("webhooks?event=work_order.completed")
    shown = await desk.read(f"webhooks/{id}")
    await desk.read("commands?type=webhook.set")
    await desk.read("commands/catalogue")

    assert receipt["state"] == "applied"
    assert [event["type"] for event in receipt["events"]] == ["webhook.created"]
    assert listed["items"] == [shown]
    assert shown["url"] == WEBHOOK["url"]
    assert shown["health"]["state"] == "closed"
    assert shown.keys() >= {"version", "events", "active", "active_since"}
    assert desk.stored("webhooks")[0]["secret"] == SECRET
    assert desk.stored("commands")[0]["payload"] == WEBHOOK | {"secret": MASK}
    assert SECRET not in str(desk.stored("events"))
    assert "token" not in str(desk.stored("events"))


async def test_a_change_without_a_secret_keeps_the_one_there_is(desk: Desk) -> None:
    id, _ = await desk.apply(**WEBHOOK)

    _, receipt = await desk.apply(
        id=id, url="https://other.example.com/", events=["work_order.held"], active=False
    )

    (kept,) = desk.stored("webhooks")
    assert receipt["state"] == "applied"
    assert (kept["secret"], kept["url"], kept["active"]) == (SECRET, "https://other.example.com/", False)


async def test_a_first_one_needs_a_secret_of_some_length(desk: Desk) -> None:
    without = WEBHOOK | {"secret": None}

    short = await desk.set(**WEBHOOK | {"secret": "too-short-to-be-one"})
    _, receipt = await desk.apply(**without)

    assert short["errors"][0]["path"] == "/secret"
    assert "too-short" not in str(short)
    assert (receipt["error"]["code"], receipt["error"]["path"]) == ("secret_required", "secret")


async def test_without_https_there_is_a_warning(desk: Desk) -> None:
    _, receipt = await desk.apply(**WEBHOOK | {"url": "http://10.1.2.3/"})

    assert receipt["warnings"][0]["code"] == "insecure_url"


async def test_only_who_may_see_webhooks_sees_those_of_their_tenant(desk: Desk, people: People) -> None:
    id, _ = await desk.apply(**WEBHOOK)
    planner, stranger = people.add("planner"), people.stranger()

    assert (await desk.web.get("/api/webhooks", headers=planner.auth)).status_code == 403
    assert (await desk.set(planner, **WEBHOOK))["code"] == "forbidden"
    assert (await desk.web.get(f"/api/webhooks/{id}", headers=stranger.auth)).status_code == 404
    assert (await desk.web.get("/api/webhooks", headers=stranger.auth)).json()["items"] == []


async def test_the_health_of_an_endpoint_is_shown_and_changes_the_etag(desk: Desk) -> None:
    id, _ = await desk.apply(**WEBHOOK)
    before = await desk.web.get(f"/api/webhooks/{id}", headers=desk.admin.auth)
    row = {
        "_id": f"{desk.admin.tenant_id}/{id}",
        "tenant_id": desk.admin.tenant_id,
        "revision": 1,
        "failures": 5,
        "openings": 1,
        "open_until": SystemClock().now() + timedelta(minutes=30),
        "last_error": {"code": "http_500", "message": "the endpoint responded with status 500"},
    }
    desk.store["webhook_health"].insert_one(row)

    after = await desk.web.get(
        f"/api/webhooks/{id}", headers=desk.admin.auth | {"If-None-Match": before.headers["etag"]}
    )

    assert after.status_code == 200
    health = after.json()["health"]
    assert (health["state"], health["failures"], health["last_error"]["code"]) == ("open", 5, "http_500")


async def test_a_dead_command_keeps_its_secret_and_shows_it_to_nobody(
    desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = await desk.set(**WEBHOOK)
    settle(desk.store, told["command_id"], "dead", {"code": "internal_error", "message": "a fault of ours"})

    listed = await desk.read("operator/dead-letters")
    shown = await desk.read(f"operator/dead-letters/{told['command_id']}")
    monkeypatch.setattr(dead_letters, "from_environment", lambda: settings)
    at_the_line = CliRunner().invoke(dead_letters.app, ["show", told["command_id"]])

    assert listed["items"][0]["payload"]["secret"] == shown["payload"]["secret"] == MASK
    assert at_the_line.exit_code == 0
    assert WEBHOOK["url"] in at_the_line.output
    assert SECRET not in at_the_line.output
    assert desk.stored("commands")[0]["payload"]["secret"] == SECRET


async def test_an_edited_replay_leaves_no_secret_in_its_answer_nor_in_the_audit_trail(desk: Desk) -> None:
    told = await desk.set(**WEBHOOK)
    settle(desk.store, told["command_id"], "dead", {"code": "internal_error", "message": "a fault of ours"})
    id = told["target"].partition(":")[2]

    answer = await desk.web.post(
        f"/api/operator/dead-letters/{told['command_id']}/replay",
        headers=desk.admin.auth,
        json={"reason": "the URL had moved", "payload": WEBHOOK | {"id": id}},
    )
    audit = await desk.read("operator/audit")

    assert answer.status_code == 202
    assert SECRET not in answer.text
    assert audit["items"][0]["after"]["new_payload"]["secret"] == MASK
    assert SECRET not in str(desk.stored("operator_actions"))
    old, new = sorted(desk.stored("commands"), key=lambda command: str(command["_id"]))
    assert (old["state"], old["payload"]["secret"]) == ("superseded", MASK)
    assert new["payload"]["secret"] == SECRET


async def test_a_settled_conflict_keeps_no_secret(
    desk: Desk, people: People, apply: Callable[[], None]
) -> None:
    id, _ = await desk.apply(**WEBHOOK)
    await desk.apply(id=id, url="https://other.example.com/", events=WEBHOOK["events"])
    phone = Phone(desk.web, people.add("admin"))
    late = phone.action("webhook.set", f"webhook:{id}", WEBHOOK | {"id": id}, base_version=1)
    give_up = phone.action("conflict.take_server", late["lane"], {}, resolves=late["id"])

    await phone.hears(late)
    await asyncio.to_thread(apply)
    (open_one,) = (one for one in desk.stored("commands") if one["state"] == "conflict")
    await phone.hears(give_up)
    (settled,) = (one for one in desk.stored("commands") if one["state"] == "conflict")

    assert open_one["payload"]["secret"] == SECRET, "it may be applied yet"
    assert settled["payload"]["secret"] == MASK
    assert settled["resolution"]["choice"] == "take_server"


async def test_the_contract_says_that_a_secret_is_only_written(desk: Desk) -> None:
    contract = await desk.read("openapi.json")

    assert '"writeOnly": true' in json.dumps(contract["paths"]["/api/commands/webhook.set"])
    assert catalogue()["webhook.set"].secrets == {"secret"}
