"""What waits for a person: who sees it, who decides, and what follows from it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from tests.api.offline.test_replays import Json, Phone
from tests.api.people import People, Person, new_id

Apply = Callable[[], None]


class Scene:
    """A technician's phone, a planner, and an order of which the office has moved the state on."""

    def __init__(self, web: httpx.AsyncClient, people: People, apply: Apply, store: Database[Any]) -> None:
        self.web, self.people, self._apply, self.store = web, people, apply, store
        self.technician, self.planner = people.add("technician"), people.add("planner")
        self.supervisor = people.add("supervisor")
        self.phone = Phone(web, self.technician)
        self.order = new_id()

    async def apply(self) -> None:
        await asyncio.to_thread(self._apply)

    async def office(self, type: str, payload: Json) -> None:
        sent = await self.web.post(
            f"/api/commands/{type}",
            headers=self.supervisor.sends(),
            json={"work_order_id": self.order} | payload,
        )
        assert sent.status_code == 202, sent.text
        await self.apply()

    async def opened(self) -> None:
        made = {"id": self.order, "title": "Oil leak", "type": "corrective", "priority": "low"}
        sent = await self.web.post(
            "/api/commands/work_order.create",
            headers=self.supervisor.sends(),
            json=made | {"assignee_ids": [self.technician.id]},
        )
        assert sent.status_code == 202, sent.text
        await self.apply()

    async def conflict(self) -> list[Json]:
        """A start on an order that was cancelled meanwhile, and what the technician did after it."""
        await self.opened()
        await self.office("work_order.cancel", {"reason": "sold"})
        day = await self.phone.hears(
            self.phone.on(self.order, "work_order.start", base=1),
            self.phone.on(self.order, "work_order.complete", base=1),
        )
        await self.apply()
        return day

    async def inbox(self, person: Person, query: str = "") -> list[Json]:
        answer = await self.web.get(f"/api/offline/inbox{query}", headers=person.auth)
        assert answer.status_code == 200, answer.text
        items: list[Json] = answer.json()["items"]
        return items

    async def decides(self, person: Person, id: str, choice: str, /, **more: Any) -> httpx.Response:
        headers = person.sends()
        return await self.web.post(
            f"/api/commands/{id}/resolve", headers=headers, json={"choice": choice} | more
        )

    async def state(self, id: str) -> str:
        stored = self.store.commands.find_one({"_id": id})
        assert stored is not None
        state: str = stored["state"]
        return state


@pytest.fixture
def scene(web: httpx.AsyncClient, people: People, apply: Apply, store: Database[Any]) -> Scene:
    return Scene(web, people, apply, store)


async def test_a_planner_sees_exactly_what_differs(scene: Scene) -> None:
    start, _ = await scene.conflict()

    (item,) = await scene.inbox(scene.planner)

    assert (item["command_id"], item["kind"], item["waiting"]) == (start["command_id"], "conflict", 1)
    assert item["allowed"] == ["take_server", "reapply", "send_to_planner"]
    assert item["by"]["user_id"] == scene.technician.id
    assert item["server_doc"]["status"] == "cancelled"
    row = item["error"]["diff"][0]
    assert (row["path"], row["base"], row["mine"], row["server"], row["by"]) == (
        "/status", "assigned", "in_progress", "cancelled", scene.supervisor.id,
    )  # fmt: skip


async def test_others_see_their_own_only_and_other_tenants_nothing(scene: Scene) -> None:
    await scene.conflict()

    assert len(await scene.inbox(scene.technician)) == 1
    assert await scene.inbox(scene.people.add("technician")) == []
    assert await scene.inbox(scene.people.stranger("admin")) == []


async def test_taking_the_servers_side_lets_the_lane_go_on(scene: Scene) -> None:
    start, complete = await scene.conflict()

    answer = await scene.decides(scene.technician, start["command_id"], "take_server")
    await scene.apply()

    assert answer.status_code == 200
    assert answer.json()["resolution"]["choice"] == "take_server"
    assert "allowed" not in answer.json()
    # What builds on it meets the same cancelled order, and is the next to be decided on.
    assert await scene.state(complete["command_id"]) == "conflict"
    assert [item["command_id"] for item in await scene.inbox(scene.planner)] == [complete["command_id"]]


async def test_a_choice_that_does_not_fit_is_refused_as_such_and_leaves_it_open(scene: Scene) -> None:
    start, _ = await scene.conflict()

    answer = await scene.decides(scene.planner, start["command_id"], "reject", reason="he was late")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_payload")
    assert answer.json()["errors"][0]["path"] == "/choice"
    assert "take_server, reapply, send_to_planner" in answer.json()["detail"]
    assert [item["command_id"] for item in await scene.inbox(scene.planner)] == [start["command_id"]]


async def test_a_device_takes_the_servers_side_by_an_action_of_its_lane(scene: Scene) -> None:
    await scene.conflict()
    conflict = scene.store.commands.find_one(
        {"tenant_id": scene.technician.tenant_id, "type": "work_order.start", "inbox": "conflict"}
    )
    assert conflict is not None
    lane = f"work_order:{scene.order}"
    named = conflict["idempotency"]["key"]

    (settled,) = await scene.phone.hears(scene.phone.action("conflict.take_server", lane, {}, resolves=named))
    (late,) = await scene.phone.hears(scene.phone.action("conflict.take_server", lane, {}, resolves=named))

    assert settled["status"] == "accepted"
    assert (late["status"], late["code"]) == ("rejected", "nothing_to_resolve")
    assert await scene.state(settled["command_id"]) == "applied"


async def test_what_is_sent_to_the_planner_stays_open_until_somebody_decides(scene: Scene) -> None:
    start, complete = await scene.conflict()

    await scene.decides(scene.technician, start["command_id"], "send_to_planner")

    assert [row["command_id"] for row in await scene.inbox(scene.planner, "?for_planner=true")] == [
        start["command_id"]
    ]
    without_reason = await scene.decides(scene.planner, start["command_id"], "take_server")
    assert without_reason.json()["errors"][0]["path"] == "/reason"
    await scene.decides(scene.planner, start["command_id"], "take_server", reason="it is sold")
    audit = scene.store.operator_actions.find_one({"subject": start["command_id"]})
    assert audit is not None
    assert (audit["act"], audit["reason"]) == ("offline.take_server", "it is sold")
    again = await scene.decides(scene.planner, start["command_id"], "take_server", reason="twice")
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_decide")
    await scene.apply()
    assert await scene.state(complete["command_id"]) == "conflict"


async def test_applying_it_again_on_what_has_been_seen_takes_the_conflicts_place(scene: Scene) -> None:
    await scene.opened()
    item = new_id()
    scene.store.work_orders.update_one(
        {"_id": f"{scene.technician.tenant_id}/{scene.order}"},
        {"$set": {"checklist": [{"item_id": item, "text": "Pressure", "kind": "number"}]}},
    )
    await scene.office("work_order.start", {})
    await scene.office("work_order.checklist.answer", {"item_id": item, "value": 4})
    answer, hold = await scene.phone.hears(
        scene.phone.on(scene.order, "work_order.checklist.answer", base=1, item_id=item, value=5),
        scene.phone.on(scene.order, "work_order.hold", base=1, reason="parts"),
    )
    await scene.apply()
    assert await scene.state(answer["command_id"]) == "conflict"

    blind = await scene.decides(scene.technician, answer["command_id"], "reapply")
    sent = await scene.decides(scene.technician, answer["command_id"], "reapply", base_version=3)
    await scene.apply()

    assert blind.json()["errors"][0]["path"] == "/base_version"
    assert sent.status_code == 202
    assert await scene.state(sent.json()["command_id"]) == "applied"
    assert await scene.state(hold["command_id"]) == "applied"
    assert await scene.inbox(scene.planner) == []


async def test_work_of_someone_since_demoted_counts_once_a_reviewer_vouches_for_it(scene: Scene) -> None:
    await scene.opened()
    scene.store.users.update_one(
        {"_id": f"{scene.technician.tenant_id}/{scene.technician.id}"}, {"$set": {"roles": ["viewer"]}}
    )
    hours: Json = {"minutes": 60, "worked_on": "2026-03-02", "kind": "regular"}
    (sent,) = await scene.phone.hears(scene.phone.on(scene.order, "work_order.labor.log", **hours))
    await scene.apply()
    assert await scene.state(sent["command_id"]) == "parked"
    (item,) = await scene.inbox(scene.planner, "?kind=review")
    assert item["error"]["code"] == "forbidden"

    own = await scene.decides(scene.technician, sent["command_id"], "approve", reason="me")
    done = await scene.decides(scene.planner, sent["command_id"], "approve", reason="I saw him do it")
    await scene.apply()

    assert own.status_code == 403
    assert done.status_code == 200
    assert await scene.state(sent["command_id"]) == "applied"
    entry = scene.store.entries.find_one({"target": f"work_order:{scene.order}", "kind": "labor"})
    assert entry is not None
    assert entry["by"] == scene.technician.id


async def test_a_rejected_review_ends_it_and_tells_its_author(scene: Scene) -> None:
    await scene.opened()
    await scene.office("work_order.assign", {"assignee_ids": []})
    (sent,) = await scene.phone.hears(scene.phone.on(scene.order, "work_order.start", base=2))
    await scene.apply()
    assert await scene.state(sent["command_id"]) == "parked"

    await scene.decides(scene.planner, sent["command_id"], "reject", reason="it was not you")

    receipt = await scene.web.get(f"/api/commands/{sent['command_id']}", headers=scene.technician.auth)
    assert receipt.json()["state"] == "cancelled"
    assert receipt.json()["events"][-1]["data"]["reason"] == "it was not you"


async def test_reapplying_twice_under_one_key_is_one_command(scene: Scene) -> None:
    start, _ = await scene.conflict()
    headers = scene.supervisor.sends("reapply-this-once-1")
    path = f"/api/commands/{start['command_id']}/resolve"
    said = {"choice": "reapply", "base_version": 2}

    silent = await scene.web.post(path, headers=headers, json=said)
    said |= {"reason": "he was there"}
    first = await scene.web.post(path, headers=headers, json=said)
    scene.store.commands.update_one({"_id": start["command_id"]}, {"$unset": {"inbox": ""}})
    again = await scene.web.post(path, headers=headers, json=said)

    assert silent.json()["errors"][0]["path"] == "/reason"
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json()["command_id"] == first.json()["command_id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    audit = scene.store.operator_actions.find_one({"subject": start["command_id"], "act": "offline.reapply"})
    assert audit is not None
    assert audit["reason"] == "he was there"


async def test_a_review_approved_too_early_comes_back_to_the_inbox(scene: Scene) -> None:
    await scene.opened()
    for done in ("start", "complete", "close"):
        await scene.office(f"work_order.{done}", {})
    hours: Json = {"minutes": 60, "worked_on": "2026-03-02", "kind": "regular"}
    (sent,) = await scene.phone.hears(scene.phone.on(scene.order, "work_order.labor.log", **hours))
    await scene.apply()

    await scene.decides(scene.planner, sent["command_id"], "approve", reason="it is true")
    await scene.apply()

    (item,) = await scene.inbox(scene.planner, "?kind=review")
    assert (item["command_id"], item["error"]["code"]) == (sent["command_id"], "locked_period")
