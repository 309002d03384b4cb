"""Policies, looks and reminders as commands, against the fake of `Work`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from domain.errors import Missing, Rejected
from domain.identity.actor import Actor
from domain.identity.permissions import granted
from domain.notices.notice import Notice
from domain.policies import Policies
from domain.work_order.model import WorkOrder
from tasks.catalogue import catalogue
from tasks.command import THE_TENANTS
from tests.tasks.fake_work import NOON, FakeWork, World, ident

HOUR = timedelta(hours=1)
ORDER, CALENDAR = ident(100), ident(300)
SYSTEM = Actor(tenant_id="demo", user_id=None)


def acting(n: int, role: str) -> Actor:
    return Actor(tenant_id="demo", user_id=ident(n), roles=(role,), granted=granted((role,)))


PLANNER, TECHNICIAN, MANAGER, OTHER = (
    acting(n, role) for n, role in enumerate(("planner", "technician", "manager", "technician"), start=1)
)


@pytest.fixture
def world() -> World:
    return World()


def do(world: World, type: str, actor: Actor, /, **payload: Any) -> FakeWork:
    """Through the payload type of the door; what it asks to follow must be what the followers take, and what
    it creates what the store can give back."""
    spec = catalogue()[type]
    assert spec.permission is None or actor.can(spec.permission), f"{actor.roles} lack {spec.permission}"
    done = world.run(spec.handler, msgspec.convert(payload, spec.payload), actor=actor)
    for follower, body, _ in done.follow_ups:
        msgspec.convert(msgspec.to_builtins(body), catalogue()[follower].payload)
    for made in done.created:
        assert msgspec.convert(msgspec.to_builtins(made.entity), made.entity.__class__) == made.entity
    return done


def opened(world: World, **fields: Any) -> WorkOrder:
    plain = {"id": ORDER, "title": "Oil leak", "type": "corrective", "priority": "high"}
    do(world, "work_order.create", PLANNER, **{**plain, "assignee_ids": [TECHNICIAN.user_id], **fields})
    return order(world)


def order(world: World) -> WorkOrder:
    return world.get(WorkOrder, ORDER)


def look(world: World) -> FakeWork:
    at = min(order(world).look_at or world.now, world.now)
    return do(world, "work_order.look", SYSTEM, work_order_id=ORDER, at=at.isoformat())


def promised(world: World, **fields: Any) -> FakeWork:
    return do(world, "sla.policy.set", PLANNER, **{"name": "Gold", "response": "PT4H", **fields})


def reminded(world: World, **fields: Any) -> FakeWork:
    plain = {"name": "Gentle", "before_due": ["P1D"], "overdue": [{"after": "PT2H", "notify": "manager"}]}
    return do(world, "reminder.policy.set", PLANNER, **{**plain, **fields})


def names(done: FakeWork) -> list[str]:
    return [name.partition(".")[2] for name, _ in done.events]


def notices(done: FakeWork) -> list[str]:
    """What each notice that it opens is about."""
    return [made.entity.template for made in done.created if isinstance(made.entity, Notice)]


def test_policies_are_one_document_of_the_tenant_and_are_set_one_by_one(world: World) -> None:
    promised(world, id=ident(50))
    reminded(world)
    promised(world, id=ident(50), name="Silver")
    again = promised(world, id=ident(50), name="Silver")

    policies = world.get(Policies, THE_TENANTS)
    assert (policies.version, policies.fresh) == (3, True)
    assert [policy.name for policy in policies.sla] == ["Silver"]
    assert [rung.notify for rung in policies.reminders[0].overdue] == [("manager",)]
    assert again.events == []


def test_policies_that_all_orders_know_are_settled_unless_they_changed_again(world: World) -> None:
    promised(world)
    promised(world, id=ident(51))

    late = do(world, "policies.settle", SYSTEM, policies_id=THE_TENANTS, version=1)
    assert late.events == []
    do(world, "policies.settle", SYSTEM, policies_id=THE_TENANTS, version=2)

    assert not world.get(Policies, THE_TENANTS).fresh


@pytest.mark.parametrize(
    ("fault", "fields"),
    [
        ("response or resolve", {"response": None}),
        ("response must be from", {"response": "P400D"}),
        ("response must be from", {"response": "PT0S"}),
        (
            "which has no duration",
            {"escalations": [{"trigger": "resolve", "offset": "P1D", "notify": "manager"}]},
        ),
        ("notify", {"escalations": [{"trigger": "response", "offset": "P1D", "notify": "everybody"}]}),
        ("applies", {"applies": {"types": []}}),
    ],
)
def test_an_invalid_policy_is_refused(world: World, fault: str, fields: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError, match=fault):
        promised(world, **fields)


def test_a_policy_by_an_unknown_calendar_is_refused_and_a_known_one_counts_its_hours(world: World) -> None:
    with pytest.raises(Missing) as missing:
        promised(world, calendar_id=CALENDAR)
    assert (missing.value.code, missing.value.path) == ("unknown_calendar", "calendar_id")

    hours = [{"weekday": day, "from": "08:00", "to": "14:00"} for day in range(1, 6)]
    do(world, "calendar.set", PLANNER, id=CALENDAR, name="Works", time_zone="UTC", working_hours=hours)
    promised(world, calendar_id=CALENDAR)

    # From Monday noon: two hours today, two tomorrow.
    assert opened(world).look_at == NOON + 22 * HOUR + timedelta(milliseconds=1)


def test_a_tenant_has_only_so_many_policies(world: World) -> None:
    for n in range(100):
        promised(world, id=ident(1000 + n))

    with pytest.raises(Rejected) as refused:
        promised(world)

    assert refused.value.code == "too_many_policies"


def test_where_there_are_no_policies_an_order_carries_nothing(world: World) -> None:
    opened(world, due_at="2026-03-01T12:00:00Z")
    do(world, "work_order.start", TECHNICIAN, work_order_id=ORDER)

    assert (order(world).watch, order(world).look_at) == (None, None)
    assert world.follow_ups == []


def test_a_look_breaches_reminds_and_says_when_to_look_again(world: World) -> None:
    escalation = {"trigger": "response", "offset": "PT0S", "notify": ["supervisor"], "channels": ["email"]}
    promised(world, escalations=[escalation])
    reminded(world)
    opened(world, due_at="2026-03-02T18:00:00Z")

    world.now = NOON + 7 * HOUR
    done = look(world)
    again = look(world)

    assert names(done) == ["sla_breached", "sla_escalated"]
    assert notices(done) == ["sla_response"]
    assert order(world).look_at == NOON + 8 * HOUR
    assert (again.events, order(world).version) == ([], 2)

    world.now = NOON + 8 * HOUR
    assert notices(look(world)) == ["overdue"]


def test_what_a_change_makes_of_the_clocks_is_told_behind_it(world: World) -> None:
    promised(world, resolve="PT6H")
    opened(world)
    world.now = NOON + 5 * HOUR

    done = do(world, "work_order.start", TECHNICIAN, work_order_id=ORDER)
    do(world, "work_order.comment.add", TECHNICIAN, work_order_id=ORDER, text="hot")
    world.now = NOON + 7 * HOUR
    ended = do(world, "work_order.complete", TECHNICIAN, work_order_id=ORDER)

    assert names(done) == ["started", "sla_breached"]
    assert names(ended) == ["completed", "sla_breached"]
    assert order(world).look_at is None


def test_an_order_accepted_from_a_request_is_on_watch_too(world: World) -> None:
    promised(world)

    do(world, "request.submit", PLANNER, id=ident(5), title="Door jams")

    done = do(world, "request.decide", PLANNER, request_id=ident(5), verdict="accept")

    [made] = done.created
    assert world.get(WorkOrder, made.entity.id).look_at == NOON + 4 * HOUR + timedelta(milliseconds=1)


def test_whoever_works_on_it_snoozes_or_acknowledges_and_nobody_else(world: World) -> None:
    reminded(world)
    opened(world, due_at="2026-03-10T12:00:00Z")
    until = "2026-03-10T09:00:00Z"

    do(world, "reminder.snooze", TECHNICIAN, work_order_id=ORDER, until=until)
    assert order(world).look_at == NOON + 8 * 24 * HOUR - 3 * HOUR
    with pytest.raises(Rejected) as refused:
        do(world, "reminder.acknowledge", OTHER, work_order_id=ORDER)
    assert refused.value.code == "not_assigned"
    with pytest.raises(Rejected) as refused:
        do(world, "reminder.snooze", TECHNICIAN, work_order_id=ORDER, until="2026-03-02T12:00:00Z")
    assert refused.value.code == "until_is_past"

    done = do(world, "reminder.acknowledge", MANAGER, work_order_id=ORDER)
    again = do(world, "reminder.acknowledge", MANAGER, work_order_id=ORDER)

    assert names(done) == ["reminder_acknowledged"]
    assert order(world).look_at is None
    assert again.events == []


def test_new_reminders_reach_orders_on_watch_and_promises_keep_their_terms(world: World) -> None:
    promised(world, id=ident(50))
    opened(world, due_at="2026-03-10T12:00:00Z")
    reminded(world, before_due=["P2D"])
    promised(world, id=ident(50), response="PT1H")

    do(world, "work_order.rewatch", SYSTEM, work_order_id=ORDER, policies_version=3)
    world.now = NOON + 5 * HOUR
    look(world)

    watch = order(world).watch
    assert watch is not None
    assert watch.sla is not None
    assert watch.policies_version == 3
    assert watch.sla.policy.response == "PT4H"
    assert order(world).look_at == NOON + 6 * 24 * HOUR
    done = do(world, "work_order.rewatch", SYSTEM, work_order_id=ORDER, policies_version=3)
    assert done.events == []


@pytest.mark.parametrize("verb", ["start", "complete"])
def test_a_breach_of_which_the_office_told_too_late_is_taken_back_when_a_device_knows_better(
    world: World, verb: str
) -> None:
    promised(world, resolve="PT4H")
    opened(world)
    office, spec = acting(5, "supervisor"), catalogue()[f"work_order.{verb}"]
    if verb == "complete":
        do(world, "work_order.start", TECHNICIAN, work_order_id=ORDER)
    world.now = NOON + 5 * HOUR
    told = do(world, spec.type, office, work_order_id=ORDER)

    said = msgspec.convert({"work_order_id": ORDER}, spec.payload)
    known = world.run(spec.handler, said, actor=TECHNICIAN, occurred_at=NOON + HOUR, is_measured=True)

    assert "sla_breached" in names(told)
    assert names(known) == ["time_corrected", "sla_breach_withdrawn"]
