"""A whole number beyond 32 bits comes from the store as a type of its own: every read must know it."""

from __future__ import annotations

from typing import Any

import httpx
from pymongo.database import Database

from adapters.commands.line_heads import read_heads
from tests.api.commands.test_tracking import settle
from tests.api.people import People, new_id
from tests.api.stock import order, put, row

BIG = 3_000_000_000
CREATE = "/api/commands/work_order.create"
ORDER = {
    "title": "Count the turns",
    "type": "inspection",
    "priority": "low",
    "checklist": [{"text": "Turns", "kind": "number", "max": BIG}],
}


async def test_documents_lists_and_ledgers_show_whole_numbers_beyond_32_bits(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    admin = people.add()
    item = {"item_id": new_id(), "text": "Turns", "kind": "number", "max": BIG, "value": BIG}
    mine = order(store, admin.tenant_id, 1, checklist=[item])
    row(store, mine, "attachment", size=BIG, name="film.mp4")
    put(store, "assets", admin.tenant_id, name="Press", turns=BIG)
    put(store, "parts", admin.tenant_id, name="Bolt", version=BIG)
    put(store, "requests", admin.tenant_id, title="It drips", status="submitted", turns=BIG)
    store["users"].update_one({"_id": admin.document["_id"]}, {"$set": {"version": BIG}})
    paths = ["/api/overview", f"/api/work-orders/{mine['id']}", "/api/exports/parts.csv"]
    paths += [f"/api/{name}" for name in ("work-orders", "assets", "parts", "requests", "users")]

    answers = {path: await web.get(path, headers=admin.auth) for path in paths}

    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(paths, 200)
    assert all(str(BIG) in answer.text for path, answer in answers.items() if path != "/api/overview")
    assert answers[paths[1]].json()["attachments"][0]["size"] == BIG


async def test_receipts_timelines_and_dead_letters_show_whole_numbers_beyond_32_bits(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    admin = people.add()
    headers = admin.sends()
    accepted = (await web.post(CREATE, json=ORDER, headers=headers)).json()
    id, entity_id = accepted["command_id"], accepted["target"].partition(":")[2]
    error = {"code": "out_of_range", "message": "too large", "params": {"max": BIG}}
    settle(store, id, "dead", error)
    store["events"].update_one({"_id": f"{id}:0"}, {"$set": {"data": {"value": BIG}}})
    paths = [
        f"/api/commands/{id}",
        "/api/commands",
        f"/api/work-orders/{entity_id}/timeline",
        "/api/operator/dead-letters",
        f"/api/operator/dead-letters/{id}",
    ]

    answers = {path: await web.get(path, headers=admin.auth) for path in paths}
    waited = await web.post(CREATE, json=ORDER, headers=headers | {"Prefer": "wait=5"})
    discarded = await web.post(f"{paths[-1]}/discard", json={"reason": "old"}, headers=admin.auth)
    audit = await web.get("/api/operator/audit", headers=admin.auth)

    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(paths, 200)
    assert all(str(BIG) in answer.text for answer in answers.values())
    assert (waited.status_code, waited.json()["params"]) == (422, {"max": BIG})
    assert (discarded.status_code, audit.status_code) == (200, 200)
    assert str(BIG) in audit.text


async def test_a_worker_reads_a_line_with_whole_numbers_beyond_32_bits(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    admin = people.add()
    target: str = (await web.post(CREATE, json=ORDER, headers=admin.sends())).json()["target"]

    with store.client.start_session() as session:
        heads = read_heads(store, session, [(admin.tenant_id, target)])

    assert len(heads.lines[admin.tenant_id, target]) == 1
