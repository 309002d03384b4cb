"""Receipts, lists of commands, cancelling and the catalogue."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from adapters.commands.verdict_updates import verdict_update
from adapters.commands.verdicts import Verdict
from adapters.mongo import transactions
from adapters.process.clock import SystemClock
from tasks.catalogue import catalogue
from tests.api.people import People, Person

ROUTE = "/api/commands/work_order.create"
ORDER = {"title": "Replace the bearing", "type": "corrective", "priority": "high"}


async def accepted(web: httpx.AsyncClient, person: Person, **payload: Any) -> str:
    answer = await web.post(ROUTE, json=ORDER | payload, headers=person.sends())
    command_id: str = answer.json()["command_id"]
    return command_id


def settle(store: Database[Any], command_id: str, state: Any, error: dict[str, Any] | None = None) -> None:
    """What the worker would write."""
    command = store["commands"].find_one({"_id": command_id})
    assert command is not None
    now = SystemClock().now()
    verdict = Verdict(command=command, state=state, events=[], error=error, attempts=1, entity_version=3)
    change = verdict_update(verdict, now=now, keys_kept=now - now)
    change["$set"]["events"] = 1
    change["$set"].pop("purge_at", None)
    store["commands"].update_one({"_id": command_id}, change)
    event = {"_id": f"{command_id}:0", "tenant_id": command["tenant_id"], "target": command["target"]}
    rest = {
        "type": f"command.{state}",
        "command_id": command_id,
        "at": now,
        "version": 1,
        "data": {},
        "actor": {},
    }
    store["events"].insert_one(event | rest)


async def test_a_receipt_tells_state_history_and_events_but_no_traceback(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    command_id = await accepted(web, planner)
    told_client = {"code": "internal_error", "message": "a fault of ours"}
    error = told_client | {"class": "KeyError", "traceback": "secret", "detail": "secret", "fingerprint": "f"}
    settle(store, command_id, "dead", error)

    answer = await web.get(f"/api/commands/{command_id}", headers=planner.auth)

    told = answer.json()
    assert answer.status_code == 200
    assert (told["command_id"], told["type"], told["state"]) == (command_id, "work_order.create", "dead")
    assert told["error"] == told_client
    assert [entry["state"] for entry in told["history"]] == ["accepted", "dead"]
    assert [event["type"] for event in told["events"]] == ["command.dead"]


async def test_a_receipt_is_for_its_sender_and_for_operators_of_the_tenant(
    web: httpx.AsyncClient, people: People
) -> None:
    command_id = await accepted(web, people.add("planner"))
    askers = {
        "another planner": people.add("planner"),
        "an operator": people.add("operator"),
        "an operator elsewhere": people.stranger("operator"),
    }

    status = {
        name: (await web.get(f"/api/commands/{command_id}", headers=asker.auth)).status_code
        for name, asker in askers.items()
    }

    assert status == {"another planner": 404, "an operator": 200, "an operator elsewhere": 404}


async def test_commands_are_listed_newest_first_by_pages_and_filters(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    ids = [await accepted(web, planner) for _ in range(5)]
    settle(store, ids[2], "applied")

    async def listed(**params: str) -> httpx.Response:
        return await web.get("/api/commands", params=params, headers=planner.auth)

    first = (await listed(limit="3")).json()
    rest = (await listed(limit="3", cursor=first["cursor"])).json()
    assert [row["command_id"] for row in first["items"] + rest["items"]] == ids[::-1]
    assert rest["cursor"] is None
    assert [row["command_id"] for row in (await listed(state="applied")).json()["items"]] == [ids[2]]
    assert len((await listed(ids=f"{ids[0]},{ids[1]}")).json()["items"]) == 2
    assert len((await listed(type="part.create")).json()["items"]) == 0
    assert (await listed(state="done")).status_code == 422
    assert (await listed(colour="red")).json()["errors"][0]["path"] == "/query/colour"


async def test_a_cancelled_command_is_final_and_wakes_who_waited_for_it(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    first, second = await accepted(web, planner), await accepted(web, planner)
    waits = {"$set": {"after": [first]}, "$unset": {"next_at": ""}}
    store["commands"].update_one({"_id": second}, waits)
    store["commands"].update_one({"_id": first}, {"$set": {"awaited": [second]}})

    answer = await web.post(f"/api/commands/{first}/cancel", headers=planner.auth)

    told = answer.json()
    assert answer.status_code == 200
    assert told["state"] == "cancelled"
    assert [event["type"] for event in told["events"]] == ["command.cancelled"]
    stored = store["commands"].find_one({"_id": first})
    assert stored is not None
    assert "active" not in stored
    waiter = store["commands"].find_one({"_id": second})
    assert waiter is not None
    assert "after" not in waiter
    assert "next_at" in waiter


async def test_a_cancel_is_counted_as_an_ending(web: httpx.AsyncClient, people: People) -> None:
    planner = people.add("planner")

    await web.post(f"/api/commands/{await accepted(web, planner)}/cancel", headers=planner.auth)

    told = (await web.get("/metrics")).text
    assert 'commands_final_total{state="cancelled",type="work_order.create"} 1.0' in told


async def test_what_is_final_cannot_be_cancelled(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    command_id = await accepted(web, planner)
    settle(store, command_id, "applied")

    answer = await web.post(f"/api/commands/{command_id}/cancel", headers=planner.auth)

    assert answer.status_code == 409
    assert (answer.json()["code"], answer.json()["state"]) == ("too_late", "applied")


async def test_of_many_cancels_at_once_one_wins(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    command_id = await accepted(web, planner)

    answers = await asyncio.gather(
        *(web.post(f"/api/commands/{command_id}/cancel", headers=planner.auth) for _ in range(8))
    )

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert store["events"].count_documents({"command_id": command_id}) == 1


async def test_only_its_sender_or_an_operator_cancels(web: httpx.AsyncClient, people: People) -> None:
    command_id = await accepted(web, people.add("planner"))
    path = f"/api/commands/{command_id}/cancel"

    other = await web.post(path, headers=people.add("planner").auth)
    stranger = await web.post(path, headers=people.stranger().auth)
    operator = await web.post(path, json={"reason": "sent twice"}, headers=people.add("operator").auth)

    assert [other.status_code, stranger.status_code, operator.status_code] == [404, 404, 200]


async def test_cancelling_somebody_elses_command_needs_a_reason_and_is_audited(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner, operator = people.add("planner"), people.add("operator")
    mine, theirs = await accepted(web, operator_who_writes := people.add()), await accepted(web, planner)
    path = f"/api/commands/{theirs}/cancel"

    silent = await web.post(path, headers=operator.auth)
    blank = await web.post(path, json={"reason": " "}, headers=operator.auth)
    said = await web.post(path, json={"reason": "sent twice"}, headers=operator.auth)
    own = await web.post(f"/api/commands/{mine}/cancel", headers=operator_who_writes.auth)

    assert (silent.status_code, silent.json()["errors"][0]["path"]) == (422, "/reason")
    assert (blank.status_code, said.status_code, own.status_code) == (422, 200, 200)
    (act,) = store["operator_actions"].find({"tenant_id": planner.tenant_id})
    assert (act["act"], act["subject"], act["reason"]) == ("command.cancel", theirs, "sent twice")
    assert act["actor"] == {"via": "api", "user_id": operator.id}
    assert (act["before"]["state"], act["after"]["state"]) == ("accepted", "cancelled")


async def test_a_command_cancelled_between_attempts_answers_as_cancelled(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    headers = planner.sends()
    command_id = (await web.post(ROUTE, json=ORDER, headers=headers)).json()["command_id"]
    error = {"code": "internal_error", "message": "a fault of ours"}
    store["commands"].update_one({"_id": command_id}, {"$set": {"state": "retrying", "error": error}})

    await web.post(f"/api/commands/{command_id}/cancel", headers=planner.auth)
    answer = await web.post(ROUTE, json=ORDER, headers=headers | {"Prefer": "wait=5"})

    assert (answer.status_code, answer.json()["code"]) == (422, "cancelled")


async def test_waiting_gives_the_receipt_of_what_was_applied(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    headers = planner.sends()
    first = await web.post(ROUTE, json=ORDER, headers=headers)
    waiting = asyncio.create_task(web.post(ROUTE, json=ORDER, headers=headers | {"Prefer": "wait=10"}))

    await asyncio.to_thread(settle, store, first.json()["command_id"], "applied")

    answer = await waiting
    assert answer.status_code == 200
    assert answer.json()["state"] == "applied"
    assert answer.headers["preference-applied"] == "wait=10"
    assert answer.headers["location"] == first.headers["location"]


async def test_waiting_gives_a_problem_for_every_other_ending(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    diff = [{"path": "title", "base": "a", "mine": "b", "server": "c"}]
    endings: dict[str, tuple[int, dict[str, Any] | None]] = {
        "conflict": (409, {"code": "moved_on", "message": "the title has changed", "diff": diff}),
        "rejected": (422, {"code": "unknown_asset", "message": "there is no asset"}),
        "dead": (422, {"code": "internal_error", "message": "a fault of ours"}),
        "cancelled": (422, None),
    }
    for state, (status, error) in endings.items():
        headers = planner.sends()
        first = await web.post(ROUTE, json=ORDER, headers=headers)
        command_id = first.json()["command_id"]
        settle(store, command_id, state, error)

        answer = await web.post(ROUTE, json=ORDER, headers=headers | {"Prefer": "respond-async, wait=5"})

        told = answer.json()
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert (told["command_id"], told["state"]) == (command_id, state)
        assert told["code"] == (error["code"] if error else state)
    assert told["code"] == "cancelled"


async def test_who_waits_in_vain_gets_the_202(web: httpx.AsyncClient, people: People) -> None:
    headers = people.add("planner").sends(Prefer="wait=0")

    answer = await web.post(ROUTE, json=ORDER, headers=headers)

    assert answer.status_code == 202


async def test_the_catalogue_and_openapi_name_every_command_with_its_schema(
    web: httpx.AsyncClient, people: People
) -> None:
    names = [spec.type for spec in catalogue().values() if not spec.internal]

    listed = (await web.get("/api/commands/catalogue", headers=people.add("viewer").auth)).json()["items"]
    document = (await web.get("/api/openapi.json")).json()

    assert [row["type"] for row in listed] == names
    assert {row["type"]: row["allowed"] for row in listed}["work_order.create"] is False
    for name in names:
        operation = document["paths"][f"/api/commands/{name}"]["post"]
        assert operation["operationId"] == name
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        assert body["type"] == "object"
        assert body["additionalProperties"] is False
    assert (await web.get("/api/docs")).status_code == 200


async def test_what_somebodys_open_transaction_holds_is_told_as_ever_and_cannot_be_cancelled_for_so_long(
    web: httpx.AsyncClient, people: People, store: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "DEADLINE", timedelta(milliseconds=300))
    planner = people.add("planner")
    key = planner.sends()
    command_id = (await web.post(ROUTE, json=ORDER, headers=key)).json()["command_id"]
    verdict = {"$set": {"state": "applied"}, "$unset": {"active": "", "next_at": "", "hint_at": ""}}

    with store.client.start_session() as session, session.start_transaction():
        store["commands"].update_one({"_id": command_id}, verdict, session=session)
        again, another = await asyncio.gather(
            web.post(ROUTE, json=ORDER, headers=key), web.post(ROUTE, json=ORDER, headers=planner.sends())
        )
        receipt = await web.get(f"/api/commands/{command_id}", headers=planner.auth)
        refused = await web.post(f"/api/commands/{command_id}/cancel", headers=planner.auth)
        session.abort_transaction()
    cancelled = await web.post(f"/api/commands/{command_id}/cancel", headers=planner.auth)

    assert (again.status_code, again.json()["command_id"]) == (202, command_id)
    assert again.headers["idempotent-replayed"] == "true"
    assert another.status_code == 202
    assert receipt.json()["state"] == "accepted"
    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    assert "retry-after" in refused.headers
    assert cancelled.json()["state"] == "cancelled"
