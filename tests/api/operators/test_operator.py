"""Dead letters, the audit trail and conservation, as an operator of one tenant meets them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from adapters.commands.document import AT_ONCE, effective_at
from tests.api.commands.test_tracking import ORDER, accepted, settle
from tests.api.people import People, Person

BUG = {
    "code": "internal_error",
    "message": "a fault of ours",
    "class": "KeyError",
    "traceback": "Traceback: KeyError",
}
ROOT = "/api/operator/dead-letters"


async def died(web: httpx.AsyncClient, store: Database[Any], person: Person) -> str:
    command_id = await accepted(web, person)
    settle(store, command_id, "dead", BUG)
    return command_id


def stored(store: Database[Any], command_id: str) -> dict[str, Any]:
    found = store["commands"].find_one({"_id": command_id})
    assert found is not None
    return dict(found)


def audited(store: Database[Any], command_id: str) -> list[dict[str, Any]]:
    return list(store["operator_actions"].find({"subject": command_id}))


async def test_dead_letters_are_listed_newest_first_and_shown_with_their_traceback(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner, operator = people.add("planner"), people.add("operator")
    ids = [await died(web, store, planner) for _ in range(3)]

    first = (await web.get(f"{ROOT}?limit=2", headers=operator.auth)).json()
    rest = (await web.get(f"{ROOT}?limit=2&cursor={first['cursor']}", headers=operator.auth)).json()
    shown = (await web.get(f"{ROOT}/{ids[0]}", headers=operator.auth)).json()

    assert [row["command_id"] for row in first["items"] + rest["items"]] == ids[::-1]
    assert rest["cursor"] is None
    assert shown["error"]["traceback"] == "Traceback: KeyError"
    assert shown["payload"] == ORDER


async def test_a_replay_puts_the_command_at_the_end_of_its_line_on_the_base_of_its_death(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    command_id = await died(web, store, people.add("planner"))
    operator, before = people.add("operator"), stored(store, command_id)

    answer = await web.post(
        f"{ROOT}/{command_id}/replay", json={"reason": "fixed in 1.2"}, headers=operator.auth
    )

    after = stored(store, command_id)
    assert answer.status_code == 202
    assert (after["state"], after["active"], after["attempts"]) == ("accepted", True, 0)
    assert after["next_at"] == after["hint_at"] == AT_ONCE
    assert after["seq"] > before["seq"]
    assert after["base_version"] == 3
    assert not {"error", "finished_at", "purge_at"} & after.keys()
    assert after["history"][-1]["reason"] == "fixed in 1.2"
    (act,) = audited(store, command_id)
    assert (act["act"], act["reason"], act["tenant_id"]) == (
        "dead_letter.replay",
        "fixed in 1.2",
        operator.tenant_id,
    )
    assert act["actor"] == {"via": "api", "user_id": operator.id}
    assert (act["before"]["state"], act["after"]["state"]) == ("dead", "accepted")
    assert store["events"].count_documents({"_id": f"{command_id}:1", "type": "command.replayed"}) == 1


async def test_of_many_acts_on_one_dead_letter_one_happens(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    command_id = await died(web, store, people.add("planner"))
    operator = people.add("operator")

    answers = await asyncio.gather(
        *(
            web.post(f"{ROOT}/{command_id}/{act}", json={"reason": "me first"}, headers=operator.auth)
            for act in ["replay", "discard"] * 4
        )
    )

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses in ([200] + [409] * 7, [202] + [409] * 7)
    assert len(audited(store, command_id)) == 1


async def test_an_edited_replay_is_a_new_command_by_the_operator(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    command_id = await died(web, store, people.add("planner"))
    admin = people.add("admin")
    body = {"reason": "the title was wrong", "payload": ORDER | {"title": "A better title"}}

    answer = await web.post(f"{ROOT}/{command_id}/replay", json=body, headers=admin.auth)

    old = stored(store, command_id)
    new = stored(store, answer.json()["command_id"])
    assert answer.status_code == 202
    assert old["state"] == "superseded"
    assert "active" not in old
    assert (new["state"], new["payload"]["title"]) == ("accepted", "A better title")
    assert new["target"] == old["target"]
    assert (new["origin"]["via"], new["origin"]["user_id"]) == ("operator", admin.id)
    assert new["base_version"] == 3
    assert audited(store, command_id)[0]["after"]["superseded_by"] == new["_id"]


async def test_an_edited_replay_happened_when_the_dead_one_did_by_the_servers_reckoning(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    command_id = await died(web, store, people.add("planner"))
    told, put_right = datetime(2026, 3, 2, 9, tzinfo=UTC), datetime(2026, 3, 2, 12, tzinfo=UTC)
    times = {"origin.occurred_at": told, "origin.effective_at": put_right}
    store["commands"].update_one({"_id": command_id}, {"$set": times})
    body = {"reason": "the title was wrong", "payload": ORDER}

    answer = await web.post(f"{ROOT}/{command_id}/replay", json=body, headers=people.add("admin").auth)

    new = stored(store, answer.json()["command_id"])
    assert effective_at(new["origin"], new["accepted_at"]) == put_right


async def test_an_edited_replay_and_a_discard_are_counted(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner, admin = people.add("planner"), people.add("admin")
    first, second = await died(web, store, planner), await died(web, store, planner)
    body = {"reason": "the title was wrong", "payload": ORDER}

    await web.post(f"{ROOT}/{first}/replay", json=body, headers=admin.auth)
    await web.post(f"{ROOT}/{second}/discard", json={"reason": "nobody needs it"}, headers=admin.auth)

    told = (await web.get("/metrics")).text
    assert 'commands_accepted_total{type="work_order.create"} 3.0' in told
    assert 'commands_final_total{state="superseded",type="work_order.create"} 1.0' in told
    assert 'commands_final_total{state="discarded",type="work_order.create"} 1.0' in told


async def test_an_edited_replay_needs_the_commands_own_permission_too(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    command_id = await died(web, store, people.add("planner"))
    body = {"reason": "mine now", "payload": ORDER}

    answer = await web.post(f"{ROOT}/{command_id}/replay", json=body, headers=people.add("operator").auth)

    assert answer.status_code == 403
    assert answer.json()["permission"] == "workorders.write"
    assert stored(store, command_id)["state"] == "dead"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "/reason"),
        ({"reason": " "}, "/reason"),
        ({"reason": "x", "now": True}, "/now"),
        ({"reason": "x", "payload": []}, "/payload"),
        ({"reason": "x", "payload": ORDER | {"title": ""}}, "/payload/title"),
        ({"reason": "x", "payload": ORDER | {"id": "01890a5d-ac96-774b-bcce-b302099a8057"}}, "/payload"),
    ],
)
async def test_a_malformed_replay_names_the_field_and_changes_nothing(
    web: httpx.AsyncClient, people: People, store: Database[Any], body: dict[str, Any], path: str
) -> None:
    command_id = await died(web, store, people.add("planner"))

    answer = await web.post(f"{ROOT}/{command_id}/replay", json=body, headers=people.add().auth)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == path
    assert stored(store, command_id)["state"] == "dead"
    assert audited(store, command_id) == []


async def test_a_discard_is_final_audited_and_wakes_who_waited(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner, operator = people.add("planner"), people.add("operator")
    command_id, waiter = await died(web, store, planner), await accepted(web, planner)
    parked = {"$set": {"state": "parked", "after": [command_id]}, "$unset": {"next_at": ""}}
    store["commands"].update_one({"_id": waiter}, parked)
    store["commands"].update_one({"_id": command_id}, {"$set": {"awaited": [waiter]}})

    answer = await web.post(
        f"{ROOT}/{command_id}/discard", json={"reason": "nobody needs it"}, headers=operator.auth
    )

    assert answer.status_code == 200
    after = stored(store, command_id)
    assert after["state"] == "discarded"
    assert "purge_at" in after
    assert after["error"]["code"] == "internal_error"
    assert audited(store, command_id)[0]["act"] == "dead_letter.discard"
    assert stored(store, waiter)["state"] == "accepted"
    assert "after" not in stored(store, waiter)


async def test_dead_letters_need_permission_and_stay_in_their_tenant(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    command_id = await died(web, store, people.add("planner"))
    reason = {"reason": "let me"}
    refused = {
        role: [
            (await web.get(ROOT, headers=person.auth)).status_code,
            (await web.get(f"{ROOT}/{command_id}", headers=person.auth)).status_code,
            (await web.post(f"{ROOT}/{command_id}/replay", json=reason, headers=person.auth)).status_code,
            (await web.post(f"{ROOT}/{command_id}/discard", json=reason, headers=person.auth)).status_code,
        ]
        for role, person in (
            ("planner", people.add("planner")),
            ("manager", people.add("manager")),
            ("stranger", people.stranger("operator")),
        )
    }

    assert refused == {
        "planner": [403] * 4,
        "manager": [200, 200, 403, 403],
        "stranger": [200, 404, 404, 404],
    }
    assert stored(store, command_id)["state"] == "dead"


async def test_the_audit_trail_is_read_newest_first_within_the_tenant(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner, operator = people.add("planner"), people.add("operator")
    ids = [await died(web, store, planner) for _ in range(2)]
    for command_id in ids:
        await web.post(f"{ROOT}/{command_id}/discard", json={"reason": "old"}, headers=operator.auth)

    told = (await web.get("/api/operator/audit", headers=operator.auth)).json()["items"]
    elsewhere = (await web.get("/api/operator/audit", headers=people.stranger().auth)).json()["items"]

    assert [row["subject"] for row in told] == ids[::-1]
    assert elsewhere == []


async def test_conservation_counts_accepted_as_final_plus_active_and_shows_what_is_neither(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner, operator = people.add("planner"), people.add("operator")
    ids = [await accepted(web, planner) for _ in range(4)]
    settle(store, ids[0], "applied")
    settle(store, ids[1], "dead", BUG)

    good = (await web.get("/api/operator/conservation", headers=operator.auth)).json()
    store["commands"].update_one({"_id": ids[2]}, {"$unset": {"active": ""}})
    bad = (await web.get("/api/operator/conservation", headers=operator.auth)).json()

    (row,) = good["items"]
    assert good["balanced"] is True
    assert (row["type"], row["accepted"], row["final"], row["active"]) == ("work_order.create", 4, 2, 2)
    assert row["states"] == {"accepted": 2, "applied": 1, "dead": 1}
    assert bad["balanced"] is False
