"""Work order commands from payload to events, against the fake of `Work`."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain.assets.asset import Asset
from domain.assets.part import Part
from domain.entity import Entry
from domain.errors import Missing, Rejected
from domain.identity.actor import Actor
from domain.identity.permissions import granted
from domain.work_order.ledger import Comment, Labor, PartUse
from domain.work_order.model import WorkOrder
from tasks.catalogue import catalogue
from tests.tasks.fake_work import NOON, FakeWork, World, ident


def acting(n: int, *roles: str) -> Actor:
    return Actor(tenant_id="demo", user_id=ident(n), roles=roles, granted=granted(roles))


PLANNER, TECHNICIAN, SUPERVISOR, MANAGER = (
    acting(n, role) for n, role in enumerate(("planner", "technician", "supervisor", "manager"), start=1)
)
SYSTEM = Actor(tenant_id="demo", user_id=None)
ORDER, PART, ASSET = ident(100), ident(200), ident(300)


@pytest.fixture
def world() -> World:
    world = World()
    world.put(Asset(id=ASSET, name="Excavator 7", created_at=NOON))
    world.put(
        Part(id=PART, name="Seal", unit="pc", unit_cost=Decimal("2.50"), currency="EUR", created_at=NOON)
    )
    return world


def do(world: World, verb: str, actor: Actor, /, **payload: Any) -> FakeWork:
    """Through the very payload type that the door decodes, and the permission it asks."""
    spec = catalogue()[f"work_order.{verb}"]
    assert spec.permission is None or actor.can(spec.permission), f"{actor.roles} lack {spec.permission}"
    at = payload.pop("at", None)
    body = payload if spec.creates else {"work_order_id": ORDER} | payload
    return world.run(spec.handler, msgspec.convert(body, spec.payload), actor=actor, occurred_at=at)


def opened(world: World, **fields: Any) -> WorkOrder:
    plain = {"id": ORDER, "title": "Oil leak", "type": "corrective", "priority": "high"}
    do(world, "create", PLANNER, **{**plain, "assignee_ids": [TECHNICIAN.user_id], **fields})
    return order(world)


def order(world: World) -> WorkOrder:
    return world.get(WorkOrder, ORDER)


def names(done: FakeWork) -> list[str]:
    return [name for name, _ in done.events]


def only(world: World, kind: type[Entry]) -> Any:
    [row] = [row for row in world.ledger(order(world)) if isinstance(row, kind)]
    return row


def test_an_order_goes_from_creation_to_closed_books(world: World) -> None:
    check = {"item_id": ident(1), "text": "Pressure", "kind": "number", "required": True, "min": 1, "max": 4}
    new = opened(world, asset_id=ASSET, checklist=[check], due_at="2026-03-09T12:00:00+01:00")
    assert (new.number, new.status, new.version) == ("WO-000001", "assigned", 1)

    do(world, "start", TECHNICIAN)
    do(world, "checklist.answer", TECHNICIAN, item_id=ident(1), value=2.5)
    do(world, "hold", TECHNICIAN, reason="parts", until="2026-03-03T08:00:00Z")
    do(world, "resume", TECHNICIAN)
    do(world, "labor.log", TECHNICIAN, minutes=90, worked_on="2026-03-02", kind="regular")
    do(world, "complete", TECHNICIAN, note="sealed", failure_code="LEAK")
    do(world, "sign", TECHNICIAN, image_sha256="a" * 64, name="T. Nguyen")
    do(world, "cost.add", SUPERVISOR, kind="service", amount="120.50", currency="EUR")
    do(world, "close", SUPERVISOR)

    done = order(world)
    assert (done.status, done.labor_minutes, done.cost_total) == ("closed", 90, Decimal("120.50"))
    assert (done.completion_note, done.failure_code, done.signature_count) == ("sealed", "LEAK", 1)
    assert [name.removeprefix("work_order.") for name, _ in world.events] == [
        "created", "started", "checklist_answered", "held", "resumed", "labor_logged", "completed", "signed",
        "cost_added", "closed",
    ]  # fmt: skip
    with pytest.raises(Rejected) as refused:
        do(world, "labor.log", TECHNICIAN, minutes=5, worked_on="2026-03-02", kind="regular")
    assert refused.value.code == "locked_period"


def test_times_are_those_of_the_world_not_of_the_server(world: World) -> None:
    day = timedelta(days=1)
    opened(world, at=NOON - 9 * day)
    do(world, "start", TECHNICIAN, at=NOON - 8 * day)
    do(world, "complete", TECHNICIAN, at=NOON - 7 * day)

    done = order(world)

    assert [done.created_at, done.started_at, done.completed_at] == [NOON - n * day for n in (9, 8, 7)]


def test_an_unknown_or_retired_asset_and_an_unknown_part_are_named(world: World) -> None:
    with pytest.raises(Missing) as missing:
        opened(world, asset_id=ident(9))
    assert (missing.value.code, missing.value.path) == ("unknown_asset", "asset_id")
    with pytest.raises(Missing) as missing:
        opened(world, parts=[{"part_id": ident(9), "quantity": 1}])
    assert missing.value.code == "unknown_part"
    world.put(Asset(id=ident(8), name="Old", created_at=NOON, decommissioned_at=NOON))
    with pytest.raises(Rejected) as refused:
        opened(world, asset_id=ident(8))
    assert refused.value.code == "asset_decommissioned"
    with pytest.raises(Missing) as missing:
        do(world, "start", TECHNICIAN)
    assert missing.value.code == "unknown_work_order"


def test_an_id_is_created_once(world: World) -> None:
    opened(world)

    with pytest.raises(Rejected) as refused:
        opened(world)

    assert refused.value.code == "already_exists"


def test_a_technician_does_not_touch_what_is_someone_elses(world: World) -> None:
    opened(world, assignee_ids=[ident(77)])
    for type, fields in (
        ("start", {}),
        ("labor.log", {"minutes": 5, "worked_on": "2026-03-02", "kind": "regular"}),
        ("parts.consume", {"part_id": PART, "quantity": 1}),
        ("attachment.add", {"sha256": "a" * 64, "size": 1, "media_type": "image/jpeg", "name": "a.jpg"}),
    ):
        with pytest.raises(Rejected) as refused:
            do(world, type, TECHNICIAN, **fields)
        assert refused.value.code == "not_assigned"
    do(world, "comment.add", TECHNICIAN, text="I was near it, shall I?")
    do(world, "start", SUPERVISOR)


def test_starting_again_what_one_has_started_settles_without_a_trace(world: World) -> None:
    opened(world)
    do(world, "start", TECHNICIAN)
    version = order(world).version

    again = do(world, "start", TECHNICIAN)

    assert (again.events, order(world).version) == ([], version)


def test_the_note_of_a_second_completion_is_kept_as_a_comment(world: World) -> None:
    opened(world)
    do(world, "start", TECHNICIAN)
    do(world, "complete", TECHNICIAN, note="sealed")

    again = do(world, "complete", SUPERVISOR, note="and cleaned")

    assert names(again) == ["work_order.commented"]
    assert only(world, Comment).text == "and cleaned"
    assert order(world).completion_note == "sealed"


def test_parts_cost_what_they_cost_and_the_stock_follows(world: World) -> None:
    opened(world, parts=[{"part_id": PART, "quantity": 2}])

    taken = do(world, "parts.consume", TECHNICIAN, part_id=PART, quantity="3")
    given = do(world, "parts.return", TECHNICIAN, part_id=PART, quantity=1)

    line = order(world).parts[0]
    assert [line.planned, line.used, order(world).cost_total] == [2, 2, 5]
    [(issue, moved, _)], [(restock, back, _)] = taken.follow_ups, given.follow_ups
    assert (issue, moved["quantity"], moved["work_order_id"]) == ("part.issue", "3", ORDER)
    assert (restock, back["quantity"], back["part_id"]) == ("part.restock", "1", PART)
    for type, payload, _ in (*taken.follow_ups, *given.follow_ups):
        msgspec.convert(payload, catalogue()[type].payload)
    with pytest.raises(Rejected) as refused:
        do(world, "parts.return", TECHNICIAN, part_id=PART, quantity=3)
    assert refused.value.code == "return_exceeds_consumed"


def test_parts_priced_in_another_currency_are_used_uncosted_with_a_warning(world: World) -> None:
    opened(world)
    do(world, "cost.add", SUPERVISOR, kind="other", amount="7", currency="USD")

    taken = do(world, "parts.consume", TECHNICIAN, part_id=PART, quantity=1)

    assert [code for code, _, _ in taken.warnings] == ["currency_mismatch"]
    assert [order(world).cost_total, order(world).parts[0].used] == [7, 1]


def test_voiding_a_consumption_takes_back_cost_and_stock(world: World) -> None:
    opened(world)
    do(world, "parts.consume", TECHNICIAN, part_id=PART, quantity=4)
    row = only(world, PartUse)

    undone = do(world, "entry.void", SUPERVISOR, entry_id=row.id, reason="wrong shelf")

    assert [order(world).cost_total, order(world).parts[0].used] == [0, 0]
    assert [(type, payload["quantity"]) for type, payload, _ in undone.follow_ups] == [("part.restock", "4")]
    assert only(world, PartUse).voided.reason == "wrong shelf"
    for entry_id, code in ((row.id, "already_voided"), (ident(9), "unknown_entry")):
        with pytest.raises(Rejected) as refused:
            do(world, "entry.void", SUPERVISOR, entry_id=entry_id, reason="again")
        assert refused.value.code == code


def test_labour_of_a_day_to_come_is_refused(world: World) -> None:
    opened(world)
    do(world, "labor.log", TECHNICIAN, minutes=5, worked_on="2026-03-03", kind="travel")
    assert only(world, Labor).worked_on.isoformat() == "2026-03-03"

    with pytest.raises(Rejected) as refused:
        do(world, "labor.log", TECHNICIAN, minutes=5, worked_on="2026-03-04", kind="travel")

    assert refused.value.code == "worked_on_in_future"


def test_approval_holds_the_order_until_someone_else_decides(world: World) -> None:
    opened(world, assignee_ids=[])
    do(world, "approval.request", SUPERVISOR, steps=[{"role": "manager"}])
    with pytest.raises(Rejected) as refused:
        do(world, "assign", PLANNER, assignee_ids=[TECHNICIAN.user_id])
    assert refused.value.code == "approval_pending"

    decided = do(world, "approval.decide", MANAGER, verdict="approve")

    assert (names(decided), order(world).status) == (["work_order.approved"], "approved")
    do(world, "assign", PLANNER, assignee_ids=[TECHNICIAN.user_id])
    assert order(world).status == "assigned"


def test_an_update_changes_what_it_names_and_null_clears(world: World) -> None:
    opened(world, asset_id=ASSET, due_at="2026-03-09T12:00:00Z")

    changed = do(world, "update", PLANNER, title="Big oil leak", due_at=None)
    same = do(world, "update", PLANNER, title="Big oil leak")

    assert changed.events == [("work_order.updated", {"fields": ["due_at", "title"]})]
    assert (order(world).due_at, order(world).asset_id, same.events) == (None, ASSET, [])
    with pytest.raises(Rejected) as refused:
        do(world, "update", PLANNER)
    assert refused.value.code == "nothing_to_change"


def test_an_order_given_back_to_nobody_is_requested_again(world: World) -> None:
    opened(world)

    given = do(world, "assign", PLANNER, assignee_ids=[])

    assert (names(given), order(world).status) == (["work_order.unassigned"], "requested")


def test_mentions_travel_with_the_event(world: World) -> None:
    opened(world)

    said = do(world, "comment.add", TECHNICIAN, text="Look", mentions=[ident(5), ident(5)])

    assert said.events[0][1]["mentions"] == [ident(5)]
    assert order(world).comment_count == 1


@pytest.mark.parametrize(
    ("type", "payload", "where"),
    [
        ("approval.request", {"steps": [{}]}, r"\$\.steps"),
        ("approval.request", {"steps": [{"role": "manager", "approver_id": ident(1)}]}, r"\$\.steps"),
        ("approval.request", {"steps": []}, r"\$\.steps"),
        ("assign", {}, "needed"),
        ("labor.log", {"minutes": 0, "worked_on": "2026-03-02", "kind": "regular"}, r"\$\.minutes"),
        ("labor.log", {"minutes": 5, "worked_on": "2026-02-30", "kind": "regular"}, r"\$\.worked_on"),
        ("cost.add", {"kind": "other", "amount": "NaN", "currency": "EUR"}, r"\$\.amount"),
        ("hold", {"reason": "lunch"}, r"\$\.reason"),
        ("start", {"status": "closed"}, "unknown field"),
        ("checklist.answer", {"item_id": ident(1), "value": 10**30}, r"\$\.value"),
    ],
)
def test_the_door_names_the_field_that_is_wrong(type: str, payload: dict[str, Any], where: str) -> None:
    body = msgspec.json.encode({"work_order_id": ORDER} | payload)

    with pytest.raises(msgspec.ValidationError, match=where):
        msgspec.json.decode(body, type=catalogue()[f"work_order.{type}"].payload)


def test_every_work_order_command_of_the_api_is_there() -> None:
    verbs = {
        *("create", "update", "assign", "start", "hold", "resume", "complete", "reopen", "close", "cancel"),
        *("approval.request", "approval.decide", "checklist.answer", "labor.log", "parts.consume"),
        *("parts.return", "cost.add", "entry.void", "comment.add", "attachment.add", "sign"),
    }

    assert {f"work_order.{verb}" for verb in verbs} <= catalogue().keys()
