"""Requests: anyone asks, a planner decides, once."""

import pytest

from domain.assets.asset import Asset
from domain.errors import Missing, Rejected
from domain.identity.actor import Actor
from domain.request import Request
from domain.work_order.ledger import Attachment
from domain.work_order.model import WorkOrder
from tasks.request.decide import Decide, decide
from tasks.request.submit import File, Submit, submit
from tests.tasks.fake_work import NOON, World, ident

REQUESTER = Actor(tenant_id="demo", user_id="requester")
PLANNER = Actor(tenant_id="demo", user_id="planner")
PUMP, REQUEST = ident(1), ident(2)
PHOTO = File(sha256="a" * 64, size=12_345, media_type="image/jpeg", name="leak.jpg")


def asked() -> World:
    world = World()
    world.put(Asset(id=PUMP, name="Pump", created_at=NOON))
    cmd = Submit(
        id=REQUEST,
        asset_id=PUMP,
        title="Oil under the pump",
        description="Since Monday",
        contact="ext. 12",
        attachments=(PHOTO,),
    )
    world.run(submit, cmd, actor=REQUESTER)
    return world


def test_a_request_remembers_who_asked() -> None:
    request = asked().get(Request, REQUEST)

    assert (request.requester, request.contact, request.asset_id) == ("requester", "ext. 12", PUMP)
    assert (request.status, request.title, request.created_at) == ("submitted", "Oil under the pump", NOON)


def test_accepting_opens_a_work_order_with_all_that_was_said_and_attached() -> None:
    world = asked()

    done = world.run(decide, Decide(request_id=REQUEST, verdict="accept"), actor=PLANNER)

    request = world.get(Request, REQUEST)
    assert (request.status, request.decided_by, request.decided_at) == ("accepted", "planner", NOON)
    assert done.events == [("request.accepted", {"work_order_id": request.work_order_id})]
    order = world.get(WorkOrder, request.work_order_id or "")
    assert (order.request_id, order.asset_id, order.status) == (REQUEST, PUMP, "requested")
    assert (order.title, order.description) == ("Oil under the pump", "Since Monday")
    assert (order.created_by, order.created_at) == ("planner", NOON)
    assert order.attachment_count == 1
    [file] = world.ledger(order)
    assert isinstance(file, Attachment)
    assert (file.sha256, file.size, file.media_type, file.name) == (
        PHOTO.sha256,
        PHOTO.size,
        PHOTO.media_type,
        PHOTO.name,
    )
    assert [(name, data["request_id"]) for _, name, _, data in done.created] == [
        ("work_order.created", REQUEST)
    ]


def test_rejecting_needs_a_reason_and_opens_nothing() -> None:
    world = asked()

    with pytest.raises(Rejected) as refused:
        world.run(decide, Decide(request_id=REQUEST, verdict="reject"), actor=PLANNER)
    done = world.run(decide, Decide(request_id=REQUEST, verdict="reject", reason="a puddle"), actor=PLANNER)

    assert (refused.value.code, refused.value.path) == ("reason_missing", "reason")
    request = world.get(Request, REQUEST)
    assert (request.status, request.reason, request.work_order_id) == ("rejected", "a puddle", None)
    assert done.events == [("request.rejected", {"reason": "a puddle"})]
    assert done.created == []


@pytest.mark.parametrize("first", ["accept", "reject"])
@pytest.mark.parametrize("second", ["accept", "reject"])
def test_a_request_is_decided_once(first: str, second: str) -> None:
    world = asked()
    decisions = {
        "accept": Decide(request_id=REQUEST, verdict="accept"),
        "reject": Decide(request_id=REQUEST, verdict="reject", reason="no"),
    }
    world.run(decide, decisions[first], actor=PLANNER)

    with pytest.raises(Rejected) as refused:
        world.run(decide, decisions[second], actor=PLANNER)

    assert refused.value.code == "invalid_transition"
    orders = [one for one in world.entities.values() if isinstance(one, WorkOrder)]
    assert len(orders) == (first == "accept")


def test_the_asset_must_exist_and_be_in_service() -> None:
    world = World()
    world.put(Asset(id=PUMP, name="Pump", created_at=NOON, decommissioned_at=NOON))

    with pytest.raises(Missing) as missing:
        world.run(submit, Submit(title="Leak", asset_id=ident(9)), actor=REQUESTER)
    with pytest.raises(Rejected) as retired:
        world.run(submit, Submit(title="Leak", asset_id=PUMP), actor=REQUESTER)

    assert (missing.value.code, missing.value.path) == ("unknown_asset", "asset_id")
    assert (retired.value.code, retired.value.path) == ("asset_decommissioned", "asset_id")


def test_an_id_is_taken_once() -> None:
    with pytest.raises(Rejected, match="there is a request") as refused:
        asked().run(submit, Submit(id=REQUEST, title="Again"), actor=REQUESTER)

    assert refused.value.code == "already_exists"
