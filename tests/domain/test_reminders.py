"""Reminders: what is said about a due date, to whom, and what stops it."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.errors import Rejected
from domain.notices.notice import Audience
from domain.order_clocks.clocks import with_ladder
from domain.order_clocks.reminders import acknowledged, snoozed
from domain.order_clocks.sla import MOMENT
from domain.policies import Rung
from domain.work_order.transitions import OPEN
from tests.support.life import Life, at, ladder

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
OPENED, DUE = at("2026-03-02T08:00"), at("2026-03-10T08:00")
POLICY = ladder("P3D", "P1D", assignee="PT0S", supervisor="P1D", manager="P3D")


def due_life(policy: Any = POLICY, **fields: Any) -> Life:
    return Life(policy, **{"opened": OPENED, "due_at": DUE, **fields})


def acknowledge(life: Life, when: datetime) -> None:
    life.happens(lambda order: with_ladder(order, life.policies, partial(acknowledged, at=when)), when)


def snooze(life: Life, when: datetime, until: datetime) -> None:
    life.happens(
        lambda order: with_ladder(order, life.policies, partial(snoozed, until=until, at=when)), when
    )


def test_the_ladder_goes_up_as_time_goes_by() -> None:
    life = due_life()

    looks = life.look_until(DUE + 99 * DAY)

    assert looks == [DUE - 3 * DAY, DUE - DAY, DUE, DUE + DAY, DUE + 3 * DAY]
    assert life.told == ["before:P3D", "before:P1D", "overdue:PT0S", "overdue:P1D", "overdue:P3D"]
    roles = [notice.audience.roles for notice in life.notices]
    assert roles == [(), (), (), ("supervisor",), ("manager",)]
    assert [notice.template for notice in life.notices] == 2 * ["due_soon"] + 3 * ["overdue"]
    assert {notice.valid.due_at for notice in life.notices} == {"2026-03-10T08:00:00.000Z"}
    assert {tuple(notice.valid.statuses or ()) for notice in life.notices} == {OPEN}


def test_an_order_that_is_nobodys_is_a_supervisors() -> None:
    life = due_life(assignee_ids=(), priority="critical")

    life.look(DUE - 3 * DAY)

    [notice] = life.notices
    assert notice.audience == Audience(roles=("supervisor",))
    assert notice.critical


def test_a_storm_collapses_into_the_latest_rung_and_says_what_it_left_out() -> None:
    life = due_life()

    life.look(DUE + 10 * DAY)

    assert life.told == ["overdue:P3D"]
    assert life.events[-1][1]["steps"] == ["before:P3D", "before:P1D", "overdue:PT0S", "overdue:P1D"]
    assert life.order.look_at is None


def test_before_the_due_date_too_only_the_latest_is_said() -> None:
    life = due_life()

    life.look(DUE - HOUR)

    assert life.told == ["before:P1D"]
    assert life.look_until(DUE) == [DUE]


def test_what_lies_before_the_order_is_not_said() -> None:
    life = due_life(opened=DUE - 2 * DAY)

    assert life.look_until(DUE - MOMENT) == [DUE - DAY]
    assert life.told == ["before:P1D"]


def test_an_order_born_late_is_reminded_of_at_the_first_look() -> None:
    life = due_life(opened=DUE + 2 * DAY)
    assert life.order.look_at == DUE + 2 * DAY + MOMENT

    life.look_until(DUE + 2 * DAY + HOUR)

    assert life.told == ["overdue:P1D"]


def test_due_date_moved_later_begins_the_ladder_anew() -> None:
    life = due_life()
    life.look_until(DUE)

    life.changes(DUE + HOUR, due_at=DUE + 7 * DAY)

    assert life.look_until(DUE + 7 * DAY) == [DUE + 4 * DAY, DUE + 6 * DAY, DUE + 7 * DAY]
    assert len({notice.id for notice in life.notices}) == 6


def test_due_date_moved_earlier_reminds_at_once_of_what_is_now_near() -> None:
    life = due_life(due_at=DUE + 30 * DAY)

    life.changes(DUE - HOUR, due_at=DUE)

    assert life.told == ["before:P1D"]
    assert life.order.look_at == DUE


def test_due_date_moved_away_and_back_says_nothing_under_a_new_name() -> None:
    life = due_life()
    life.look_until(DUE - DAY)

    life.changes(DUE - 2 * HOUR, due_at=DUE + 30 * DAY)
    life.changes(DUE - HOUR, due_at=DUE)

    assert life.told == ["before:P3D", "before:P1D", "before:P1D"]
    assert len({notice.id for notice in life.notices}) == 2


def test_no_due_date_no_reminders() -> None:
    life = due_life()

    life.changes(OPENED, due_at=None)

    assert life.order.look_at is None
    with pytest.raises(Rejected) as refused:
        acknowledge(life, OPENED)
    assert refused.value.code == "no_reminders"


def test_completed_between_ends_it_and_reopened_it_goes_on() -> None:
    life = due_life()
    life.starts(DUE)
    life.completes(DUE + HOUR)
    assert life.order.look_at is None
    life.look(DUE + 2 * DAY)
    assert life.told == ["overdue:PT0S"]

    life.reopens(DUE + 2 * DAY)

    assert life.told == ["overdue:PT0S", "overdue:P1D"]
    assert life.order.look_at == DUE + 3 * DAY


def test_unread_ladder_stops_at_acknowledgement_for_this_due_date_only() -> None:
    life = due_life()
    life.look_until(DUE)
    acknowledge(life, DUE + HOUR)
    before = life.order

    assert life.order.look_at is None
    acknowledge(life, DUE + 2 * HOUR)
    assert life.order == before

    life.changes(DUE + 2 * HOUR, due_at=DUE + 5 * DAY)
    assert life.order.look_at == DUE + 2 * DAY


def test_snoozed_is_silent_until_then_and_says_the_latest() -> None:
    life = due_life()
    snooze(life, DUE - 4 * DAY, DUE + 2 * HOUR)

    assert life.look_until(DUE + DAY - MOMENT) == [DUE + 2 * HOUR]
    assert life.told == ["overdue:PT0S"]


def test_what_was_said_before_a_snooze_comes_back_after_it() -> None:
    life = due_life()
    life.look_until(DUE + DAY)
    snooze(life, DUE + DAY + HOUR, DUE + 2 * DAY)

    assert life.look_until(DUE + 3 * DAY - MOMENT) == [DUE + 2 * DAY]

    assert life.told[-2:] == ["overdue:P1D", "overdue:P1D~2026-03-12T08:00:00.000Z"]
    assert len({notice.id for notice in life.notices}) == len(life.notices)
    assert life.order.look_at == DUE + 3 * DAY


def test_rungs_at_one_height_are_all_told() -> None:
    rungs = tuple(Rung(after="P1D", notify=(who,), channels=("email",)) for who in ("supervisor", "manager"))
    life = due_life(replace(ladder(), overdue=rungs))

    life.look(DUE + DAY)

    assert life.told == ["overdue:P1D", "overdue:P1D:2"]


def test_a_new_policy_rebuilds_the_ladder_and_repeats_no_step() -> None:
    life = due_life()
    life.look_until(DUE)

    life.policies = replace(
        life.policies, version=2, reminders=(ladder("P3D", "P1D", assignee="PT0S", manager="PT2H"),)
    )
    life.look(DUE + HOUR)

    assert life.look_until(DUE + 9 * DAY) == [DUE + 2 * HOUR]
    assert life.told == ["before:P3D", "before:P1D", "overdue:PT0S", "overdue:PT2H"]
    assert life.order.watch is not None
    assert life.order.watch.policies_version == 2


def test_an_order_from_before_all_policies_is_reminded_of_once_it_moves() -> None:
    life = due_life()
    life.order = replace(life.order, watch=None, look_at=None)

    life.look(DUE - HOUR)
    assert life.told == []
    life.starts(DUE - HOUR)

    assert life.told == ["before:P1D"]
    assert life.order.look_at == DUE


hours = st.integers(1, 24 * 12).map(lambda n: n * HOUR)


@settings(max_examples=80, deadline=None)
@given(st.lists(hours, min_size=1, max_size=8), st.none() | hours)
def test_however_time_is_cut_into_looks_each_step_has_one_fate(
    gaps: list[timedelta], moved_after: timedelta | None
) -> None:
    life, now = due_life(), OPENED
    for gap in gaps:
        now += gap
        life.look(now)
    if moved_after:
        now += moved_after
        life.changes(now, due_at=DUE + 5 * DAY)
    end = DUE + 20 * DAY
    life.look_until(end)

    assert life.order.watch is not None
    steps = life.order.watch.ladder
    said = [notice.step for notice in life.notices]
    assert len(set(said)) == len(said)
    assert not set(steps.fired) & set(steps.skipped)
    assert {*steps.fired, *steps.skipped} == {
        "before:P3D", "before:P1D", "overdue:PT0S", "overdue:P1D", "overdue:P3D",
    }  # fmt: skip
    assert life.told[-1] == "overdue:P3D"
