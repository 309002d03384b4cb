"""Offline replays over HTTP: every action gets its verdict, whatever becomes of its neighbours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from adapters.process.clock import SystemClock
from tests.api.people import People, Person, new_id

Json = dict[str, Any]


class Phone:
    """What a device keeps: who it is, and the next number of each lane."""

    def __init__(self, web: httpx.AsyncClient, person: Person, *, device_id: str = "phone-1") -> None:
        self.web, self.person, self.device_id = web, person, device_id
        self.next: dict[str, int] = {}

    def action(self, type: str, lane: str, payload: Json, **more: Any) -> Json:
        seq = self.next.get(lane, 1)
        self.next[lane] = seq + 1
        return {
            "id": new_id(),
            "v": 1,
            "type": type,
            "payload": payload,
            "lane": lane,
            "lane_seq": seq,
            "occurred_at": SystemClock().now().isoformat(),
        } | more

    def on(self, order_id: str, type: str, /, base: int | None = None, **payload: Any) -> Json:
        more = {} if base is None else {"base_version": base}
        return self.action(type, f"work_order:{order_id}", {"work_order_id": order_id} | payload, **more)

    def creates(self, order_id: str) -> Json:
        payload = {"id": order_id, "title": "Oil leak", "type": "corrective", "priority": "low"}
        return self.action("work_order.create", f"work_order:{order_id}", payload)

    async def sends(self, *actions: Any, batch_id: str | None = None, **envelope: Any) -> httpx.Response:
        body = {
            "batch_id": batch_id or new_id(),
            "device_id": self.device_id,
            "app_version": "1.0",
            "sent_at": SystemClock().now().isoformat(),
            "actions": list(actions),
        } | envelope
        return await self.web.post("/api/offline/replays", headers=self.person.auth, json=body)

    async def hears(self, *actions: Any, **more: Any) -> list[Json]:
        answer = await self.sends(*actions, **more)
        assert answer.status_code == 202, answer.text
        results: list[Json] = answer.json()["results"]
        return results


@pytest.fixture
def phone(web: httpx.AsyncClient, people: People) -> Phone:
    return Phone(web, people.add("supervisor"))


def statuses(results: list[Json]) -> list[str]:
    return [result["status"] for result in results]


async def test_a_day_without_signal_is_taken_in_and_applied(
    phone: Phone, apply: Callable[[], None], store: Database[Any]
) -> None:
    order = new_id()
    batch = new_id()
    day = [
        phone.creates(order),
        phone.on(order, "work_order.start"),
        phone.on(order, "work_order.labor.log", minutes=90, worked_on="2026-03-02", kind="regular"),
        phone.on(order, "work_order.complete", note="new seal"),
    ]

    results = await phone.hears(*day, batch_id=batch)
    await asyncio.to_thread(apply)

    assert statuses(results) == ["accepted"] * 4
    receipts = await phone.web.get(f"/api/offline/replays/{batch}", headers=phone.person.auth)
    assert [row["receipt"]["state"] for row in receipts.json()["results"]] == ["applied"] * 4
    stored = store.work_orders.find_one({"_id": f"{phone.person.tenant_id}/{order}"})
    assert stored is not None
    assert (stored["status"], stored["labor_minutes"]) == ("completed", 90)


async def test_a_batch_sent_again_gives_the_same_commands_with_their_outcome(
    phone: Phone, apply: Callable[[], None]
) -> None:
    order = new_id()
    day = [phone.creates(order), phone.on(order, "work_order.start")]
    batch = new_id()
    first = await phone.hears(*day, batch_id=batch)
    await asyncio.to_thread(apply)

    again = await phone.hears(*day, batch_id=batch)

    assert statuses(again) == ["duplicate"] * 2
    assert [row["command_id"] for row in again] == [row["command_id"] for row in first]
    assert [row["outcome"]["state"] for row in again] == ["applied"] * 2
    assert again[1]["outcome"]["result"]["version"] == 2


async def test_a_batch_sent_many_times_at_once_is_taken_in_once(phone: Phone, store: Database[Any]) -> None:
    order = new_id()
    day = [phone.creates(order), *(phone.on(order, "work_order.comment.add", text=str(n)) for n in range(9))]

    answers = await asyncio.gather(*(phone.hears(*day) for _ in range(8)))

    ids = {tuple(row["command_id"] for row in results) for results in answers}
    assert len(ids) == 1
    assert store.commands.count_documents({"tenant_id": phone.person.tenant_id}) == 10
    lane = store.lanes.find_one({"_id": {"$regex": f"work_order:{order}$"}})
    assert lane is not None
    assert lane["next"] == 11
    line = store.commands.find({"target": f"work_order:{order}"}).sort("seq", 1)
    assert [command["origin"]["lane_seq"] for command in line] == list(range(1, 11))


async def test_a_number_out_of_turn_says_which_was_expected_and_is_not_kept(phone: Phone) -> None:
    order = new_id()
    first, second, third = (
        phone.creates(order),
        phone.on(order, "work_order.start"),
        phone.on(order, "work_order.complete"),
    )

    early = await phone.hears(third, second)
    then = await phone.hears(first, second, third)

    assert [(row["status"], row["expected_lane_seq"]) for row in early] == [("out_of_order", 1)] * 2
    assert statuses(then) == ["accepted"] * 3


async def test_what_is_refused_at_the_door_is_final_and_uses_its_number_up(
    phone: Phone, store: Database[Any]
) -> None:
    order = new_id()
    created = phone.creates(order)
    refused = phone.on(order, "work_order.labor.log", minutes=5_000, worked_on="2026-03-02", kind="regular")
    elsewhere = phone.on(order, "work_order.start") | {"payload": {"work_order_id": new_id()}}
    heavy = phone.on(order, "work_order.comment.add", text="x" * 20_000)
    nul = phone.on(order, "work_order.comment.add", text="a\0b")
    internal = phone.on(order, "work_order.look", at="2026-03-02T08:00:00Z")
    good = phone.on(order, "work_order.start")

    results = await phone.hears(created, refused, elsewhere, heavy, nul, internal, good)

    assert statuses(results) == ["accepted", *["rejected"] * 5, "accepted"]
    codes = [row["code"] for row in results[1:6]]
    assert codes == [
        "invalid_payload",
        "lane_mismatch",
        "invalid_payload",
        "invalid_payload",
        "unknown_command",
    ]
    assert results[1]["errors"][0]["path"] == "/payload/minutes"
    assert results[4]["errors"][0]["path"] == "/payload/text"
    kept = store.commands.find_one({"_id": results[1]["command_id"]})
    assert kept is not None
    assert (kept["state"], kept["error"]["code"]) == ("rejected", "invalid_payload")
    assert "active" not in kept
    assert store.events.count_documents({"command_id": kept["_id"]}) == 1


async def test_what_has_no_legible_place_in_a_lane_is_refused_and_stops_nobody(phone: Phone) -> None:
    order = new_id()

    results = await phone.hears("nonsense", {"id": "x"}, phone.creates(order))

    assert statuses(results) == ["rejected", "rejected", "accepted"]
    assert [row["id"] for row in results[:2]] == [None, "x"]


@pytest.mark.parametrize(
    "newer",
    [
        {"type": "work_order.sign2"},
        {"type": "work_order.teleport", "payload": ["to", "site"]},
        {"v": 2, "payload": "start"},
        {"v": 2, "payload": {"amount": 2**80}},
        {"v": 2, "occurred_at": {"from": 1, "to": 2}},
    ],
)
async def test_what_only_a_newer_server_can_read_is_left_to_it_whatever_its_form(
    phone: Phone, newer: Json
) -> None:
    order = new_id()
    await phone.hears(phone.creates(order))

    results = await phone.hears(phone.on(order, "work_order.start") | newer)

    assert statuses(results) == ["retry_later"]


async def test_a_version_that_this_server_does_not_know_is_left_for_later_and_not_used_up(
    phone: Phone,
) -> None:
    order = new_id()
    created = phone.creates(order)
    newer = phone.on(order, "work_order.start") | {"v": 99}
    unknown = phone.on(order, "work_order.teleport")

    results = await phone.hears(created, newer, unknown)
    now_known = await phone.hears(newer | {"v": 1})

    assert statuses(results) == ["accepted", "retry_later", "out_of_order"]
    assert results[2]["expected_lane_seq"] == 2
    assert statuses(now_known) == ["accepted"]


async def test_a_tombstone_takes_the_place_of_what_the_device_gave_up(phone: Phone) -> None:
    order = new_id()
    created, start = phone.creates(order), phone.on(order, "work_order.start")
    after = phone.on(order, "work_order.comment.add", text="hello")
    tombstone = start | {"type": "discard", "payload": {}}

    results = await phone.hears(created, tombstone, after)
    late = await phone.hears(start)

    assert statuses(results) == ["accepted"] * 3
    assert late[0]["status"] == "duplicate"
    assert late[0]["outcome"]["state"] == "cancelled"


async def test_a_tombstone_for_what_had_come_already_says_what_became_of_it(phone: Phone) -> None:
    order = new_id()
    created, start = phone.creates(order), phone.on(order, "work_order.start")
    await phone.hears(created, start)

    (result,) = await phone.hears(start | {"type": "discard", "payload": {}})

    assert (result["status"], result["outcome"]["state"]) == ("duplicate", "accepted")


async def test_an_online_post_whose_answer_was_lost_comes_back_through_the_replay(
    phone: Phone, store: Database[Any]
) -> None:
    order = new_id()
    created = phone.creates(order)
    posted = await phone.web.post(
        "/api/commands/work_order.create", headers=phone.person.sends(created["id"]), json=created["payload"]
    )

    results = await phone.hears(created, phone.on(order, "work_order.start"))

    assert statuses(results) == ["duplicate", "accepted"]
    assert results[0]["command_id"] == posted.json()["command_id"]
    assert store.commands.count_documents({"tenant_id": phone.person.tenant_id}) == 2


async def test_an_id_used_with_another_body_is_refused_and_keeps_its_number_free(phone: Phone) -> None:
    order = new_id()
    created, start = phone.creates(order), phone.on(order, "work_order.start")
    await phone.hears(created, start)
    reused = phone.on(order, "work_order.complete") | {"id": start["id"]}

    results = await phone.hears(reused)
    mended = await phone.hears(reused | {"id": new_id()})

    assert (results[0]["status"], results[0]["code"]) == ("rejected", "id_reused")
    assert statuses(mended) == ["accepted"]


async def test_times_are_kept_apart_and_a_clock_that_is_off_is_told_so(
    phone: Phone, apply: Callable[[], None], store: Database[Any]
) -> None:
    order = new_id()
    ahead = SystemClock().now() + timedelta(hours=3)
    created = phone.creates(order) | {"occurred_at": ahead.isoformat(), "clock_offset_ms": -3 * 3_600_000}

    (result,) = await phone.hears(created)
    await asyncio.to_thread(apply)

    stored = store.commands.find_one({"_id": result["command_id"]})
    assert stored is not None
    origin = stored["origin"]
    assert abs(origin["occurred_at"].replace(tzinfo=UTC) - ahead) < timedelta(milliseconds=1)
    assert origin["effective_at"] <= stored["accepted_at"]
    assert [warning["code"] for warning in stored["warnings"]] == ["clock_suspect"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"batch_id": "short"}, "/batch_id"),
        ({"device_id": "a/b"}, "/device_id"),
        ({"sent_at": "yesterday"}, "/sent_at"),
        ({"actions": "none"}, "/actions"),
    ],
)
async def test_a_malformed_envelope_is_refused_whole(phone: Phone, change: Json, path: str) -> None:
    answer = await phone.sends(phone.creates(new_id()), **change)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == path


async def test_more_than_50_actions_are_to_be_halved(phone: Phone) -> None:
    order = new_id()
    answer = await phone.sends(*(phone.on(order, "work_order.start") for _ in range(51)))

    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_actions")


async def test_a_user_sees_their_own_batches_only(phone: Phone, people: People) -> None:
    batch = new_id()
    await phone.hears(phone.creates(new_id()), batch_id=batch)

    others = await phone.web.get(f"/api/offline/replays/{batch}", headers=people.add("admin").auth)

    assert others.status_code == 404


async def test_nobody_else_of_another_tenant_shares_lanes_or_ids(phone: Phone, people: People) -> None:
    created = phone.creates(new_id())
    await phone.hears(created)
    stranger = Phone(phone.web, people.stranger("supervisor"))

    assert statuses(await stranger.hears(created)) == ["accepted"]


async def test_an_action_sent_again_while_it_is_tried_again_says_so(
    phone: Phone, store: Database[Any]
) -> None:
    created = phone.creates(new_id())
    (sent,) = await phone.hears(created)
    soon = SystemClock().now() + timedelta(hours=1)
    store.commands.update_one(
        {"_id": sent["command_id"]}, {"$set": {"state": "retrying", "next_at": soon, "hint_at": soon}}
    )

    (again,) = await phone.hears(created)

    assert (again["status"], again["outcome"]["state"]) == ("duplicate", "retrying")


async def test_an_older_server_knows_what_a_newer_one_has_taken_in(phone: Phone) -> None:
    created = phone.creates(new_id())
    (sent,) = await phone.hears(created)

    (again,) = await phone.hears(created | {"v": 99})

    assert (again["status"], again["command_id"]) == ("duplicate", sent["command_id"])
