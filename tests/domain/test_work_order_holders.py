"""Whose work an order is, and how long they carry it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import Rejected
from domain.identity.actor import Actor
from domain.work_order.holders import CARRIED, TEAM, holder_names, holders, is_carried, taken_from
from domain.work_order.model import WorkOrder
from domain.work_order.transitions import OPEN, STATUSES

NOW = datetime(2026, 3, 20, 8, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)


def person(*granted: str) -> Actor:
    return Actor(tenant_id="t", user_id="ann", granted=frozenset(granted))


@pytest.mark.parametrize(
    ("people", "team", "whose"),
    [
        (("ann", "bob"), None, ("ann", "bob")),
        (("ann",), "crew", ("ann",)),
        ((), "crew", (TEAM,)),
        ((), None, ()),
    ],
)
def test_an_order_is_of_those_named_or_else_of_the_team(
    people: tuple[str, ...], team: str | None, whose: tuple[str, ...]
) -> None:
    assert holders(people, team) == whose


def test_who_may_execute_work_answers_for_the_team_too() -> None:
    assert holder_names(person("workorders.execute")) == ("ann", TEAM)
    assert holder_names(person("workorders.read")) == ("ann",)


@pytest.mark.parametrize("people", [(), ("ann",), ("bob",)])
@pytest.mark.parametrize("team", [None, "crew"])
def test_who_carries_an_order_may_work_on_it_and_nobody_else(
    people: tuple[str, ...], team: str | None
) -> None:
    order = WorkOrder(
        id="o",
        number="WO-000001",
        title="Leak",
        status="assigned",
        type="safety",
        priority="low",
        assignee_ids=people,
        team_id=team,
        created_at=NOW,
    )
    actor = person("workorders.execute")
    carries = not set(order.holders).isdisjoint(holder_names(actor))

    try:
        order.must_be_worked_by(actor)
    except Rejected:
        assert not carries
    else:
        assert carries


def test_open_orders_are_carried_completed_ones_for_a_fortnight_others_not_at_all() -> None:
    long_ago = NOW - timedelta(days=4_000)
    assert {status for status in STATUSES if is_carried(status, long_ago, now=NOW)} == set(OPEN)
    assert {status for status in STATUSES if is_carried(status, NOW, now=NOW)} == {*OPEN, "completed"}

    edge = NOW - (CARRIED["completed"] or timedelta())
    assert is_carried("completed", edge, now=NOW)
    assert not is_carried("completed", edge - MOMENT, now=NOW)


def test_who_no_longer_holds_an_order_is_who_it_was_taken_from() -> None:
    assert taken_from(("ann", "bob"), ("bob", "eve")) == ("ann",)
    assert taken_from((TEAM,), ("bob",)) == (TEAM,)
    assert taken_from(("ann",), ("ann", "bob")) == ()
