"""What people were told: one's own notifications, and the operator's view of every delivery."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from adapters.delivery.ledger import insert, row
from adapters.delivery.outcomes import Trouble
from adapters.process.clock import SystemClock
from tests.api.people import People, Person, new_id

ROOT = "/api/operator/deliveries"
LOST = Trouble("worker_lost", "its worker ended while it was being sent")


def told(
    store: Database[Any], person: Person, *, at: datetime | None = None, **fields: Any
) -> dict[str, Any]:
    given: dict[str, Any] = {
        "tenant_id": person.tenant_id,
        "about": f"work_order:{new_id()}",
        "step": "overdue:P1D",
        "kind": "overdue",
        "recipient": person.id,
        "channel": "in_app",
        "state": "sent",
        "at": at or SystemClock().now(),
        "params": {"number": "WO-000001"},
    }
    (made,) = insert(store, [row(**given | fields)])
    return made


def doubtful(store: Database[Any], person: Person, **fields: Any) -> dict[str, Any]:
    made = told(store, person, channel="email", state="uncertain", error=LOST, **fields)
    id = fields.get("message_id", f"<{made['id']}@millwright>")
    store["deliveries"].update_one({"_id": made["_id"]}, {"$set": {"message_id": id, "attempts": 3}})
    return made


def stored(store: Database[Any], made: dict[str, Any]) -> dict[str, Any]:
    found = store["deliveries"].find_one({"_id": made["_id"]})
    assert found is not None
    return dict(found)


async def test_everybody_sees_their_own_notifications_newest_first_and_nobody_else_s(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    viewer, other, stranger = people.add("requester"), people.add("requester"), people.stranger()
    now = SystemClock().now()
    mine = [told(store, viewer, at=now + timedelta(seconds=n)) for n in range(3)]
    told(store, viewer, channel="email")
    told(store, other)
    told(store, stranger, recipient=viewer.id)

    first = (await web.get("/api/notifications?limit=2", headers=viewer.auth)).json()
    rest = (await web.get(f"/api/notifications?limit=2&cursor={first['cursor']}", headers=viewer.auth)).json()
    one = await web.get(f"/api/notifications/{mine[0]['id']}", headers=viewer.auth)
    not_mine = await web.get(f"/api/notifications/{mine[0]['id']}", headers=other.auth)

    assert [shown["id"] for shown in first["items"] + rest["items"]] == [made["id"] for made in mine[::-1]]
    assert one.json()["params"] == {"number": "WO-000001"}
    assert one.json().keys() == {"id", "about", "step", "kind", "critical", "params", "created_at"}
    assert not_mine.status_code == 404


async def test_an_operator_sees_what_was_sent_to_whom_in_their_tenant(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    operator, tech, stranger = people.add("operator"), people.add("technician"), people.stranger("operator")
    made = doubtful(store, tech)
    told(store, tech)

    def asked(by: Person, query: str) -> Any:
        return web.get(f"{ROOT}?{query}", headers=by.auth)

    for query in (
        "state=uncertain",
        "channel=email",
        f"recipient={tech.id}&channel=email",
        f"about={made['about']}",
    ):
        (shown,) = (await asked(operator, query)).json()["items"]
        assert (shown["id"], shown["state"], shown["error"]["code"]) == (
            made["id"],
            "uncertain",
            "worker_lost",
        )
    assert (await asked(stranger, "state=uncertain")).json()["items"] == []
    assert (await asked(tech, "")).status_code == 403
    assert (await asked(operator, "state=gone")).status_code == 422


async def test_sending_again_is_under_the_same_message_id_for_all_that_it_told(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    operator, tech = people.add("operator"), people.add("technician")
    together = [doubtful(store, tech, message_id="<digest@millwright>") for _ in range(2)]
    alone = doubtful(store, tech)

    answer = await web.post(
        f"{ROOT}/{together[0]['id']}/resend", json={"reason": "he has nothing"}, headers=operator.auth
    )

    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["message_id"]) == ("pending", "<digest@millwright>")
    for made in together:
        row = stored(store, made)
        assert (row["state"], row["attempts"], row["resent"]) == ("pending", 0, True)
        assert row["history"][-1]["reason"] == "he has nothing"
        assert row["due_at"] <= SystemClock().now()
    assert stored(store, alone)["state"] == "uncertain"
    (act,) = store["operator_actions"].find({"subject": together[0]["id"]})
    assert (act["act"], act["tenant_id"], act["after"]["with_it"]) == ("delivery.resend", tech.tenant_id, 1)


@pytest.mark.parametrize("state", ["sent", "failed"])
async def test_a_person_may_say_what_became_of_it(
    web: httpx.AsyncClient, people: People, store: Database[Any], state: str
) -> None:
    operator, tech = people.add("operator"), people.add("technician")
    made = doubtful(store, tech)

    said = {"state": state, "reason": "asked him"}
    answer = await web.post(f"{ROOT}/{made['id']}/settle", json=said, headers=operator.auth)
    again = await web.post(f"{ROOT}/{made['id']}/settle", json=said, headers=operator.auth)

    row = stored(store, made)
    assert (answer.status_code, row["state"], "sent_at" in row) == (200, state, state == "sent")
    assert again.status_code == (409 if state == "sent" else 200)


@pytest.mark.parametrize(
    ("role", "body", "status"),
    [
        ("technician", {"reason": "x"}, 403),
        ("operator", {}, 422),
        ("operator", {"reason": " "}, 422),
        ("operator", {"reason": "x", "more": 1}, 422),
    ],
)
async def test_who_may_decide_and_that_a_reason_is_needed(
    web: httpx.AsyncClient, people: People, store: Database[Any], role: str, body: Any, status: int
) -> None:
    made = doubtful(store, people.add("technician"))

    answer = await web.post(f"{ROOT}/{made['id']}/resend", json=body, headers=people.add(role).auth)

    assert answer.status_code == status
    assert stored(store, made)["state"] == "uncertain"


async def test_what_is_on_its_way_or_another_tenant_s_is_not_decided_on(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    operator, stranger = people.add("operator"), people.stranger("operator")
    pending = told(store, people.add("technician"), channel="email", state="pending")
    made = doubtful(store, people.add("technician"))

    async def resend(id: str, by: Person) -> httpx.Response:
        return await web.post(f"{ROOT}/{id}/resend", json={"reason": "x"}, headers=by.auth)

    early, foreign = await resend(pending["id"], operator), await resend(made["id"], stranger)

    assert (early.status_code, early.json()["code"]) == (409, "not_open")
    assert foreign.status_code == 404


async def test_a_mail_that_came_back_has_failed_and_may_be_sent_again(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    operator, tech = people.add("operator"), people.add("technician")
    mail, shown = told(store, tech, channel="email"), told(store, tech)

    async def act(made: Any, what: str, **more: str) -> int:
        answer = await web.post(
            f"{ROOT}/{made['id']}/{what}", json={"reason": "it bounced"} | more, headers=operator.auth
        )
        return answer.status_code

    assert await act(mail, "resend") == 409
    assert await act(mail, "settle", state="failed") == 200
    assert stored(store, mail)["state"] == "failed"
    assert "sent_at" not in stored(store, mail)
    assert await act(mail, "resend") == 200
    assert await act(shown, "settle", state="failed") == 409
