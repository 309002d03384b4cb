"""SLA clocks: what they promise, what stops them, and what of it is told."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.errors import Rejected
from domain.notices.notice import Audience
from domain.order_clocks.clocks import MOST_SPANS
from domain.order_clocks.sla import MOMENT
from domain.policies import Applies, SlaPolicy, best_policy
from domain.time.working_calendar import Calendar, Hours
from tests.support.life import Life, at, promise, warning
from tests.tasks.fake_work import ident

HOUR = timedelta(hours=1)
MONDAY = at("2026-03-02T08:00")
WORKS = Calendar(
    id=ident(9),
    name="Works",
    time_zone="Europe/Berlin",
    holidays=("2026-04-03", "2026-04-06"),
    working_hours=tuple(Hours(weekday=day, start="08:00", to="16:00") for day in range(1, 6)),
)


def test_a_breach_is_told_once_however_often_one_looks() -> None:
    life = Life(promise("PT2H", "PT8H"), opened=MONDAY)

    for hours in (1, 2, 3, 4, 9, 10, 100):
        life.look(MONDAY + hours * HOUR)

    assert life.said == ["sla_breached response", "sla_breached resolve"]
    assert [data["deadline"] for _, data in life.events] == [MONDAY + 2 * HOUR, MONDAY + 8 * HOUR]
    assert life.order.look_at is None


def test_a_breach_that_was_told_stands_where_the_clock_is_set_back_behind_it() -> None:
    life = Life(promise("PT2H"), opened=MONDAY)
    deadline = MONDAY + 2 * HOUR
    life.look(deadline + MOMENT)

    life.changes(deadline - HOUR / 60, priority="low")

    assert life.said == ["sla_breached response"]
    assert life.order.look_at is None, "that instant is used up"


def test_a_late_start_does_not_hide_that_it_is_resolved_late_too() -> None:
    life = Life(promise("PT1H", "PT2H"), opened=MONDAY)

    life.starts(MONDAY + 90 * timedelta(minutes=1))
    life.completes(MONDAY + 3 * HOUR)

    assert life.said == ["sla_breached response", "sla_breached resolve"]
    assert life.clock("response").met_at == MONDAY + 90 * timedelta(minutes=1)


def test_breach_exactly_at_the_instant() -> None:
    on_time, late = Life(promise("PT1H"), opened=MONDAY), Life(promise("PT1H"), opened=MONDAY)
    deadline = MONDAY + HOUR
    assert on_time.order.look_at == deadline + MOMENT

    on_time.look(deadline)
    on_time.starts(deadline)
    late.look(deadline)
    late.look(deadline + MOMENT)
    late.starts(deadline + MOMENT)

    assert on_time.said == []
    assert on_time.clock("response").met_at == deadline
    assert late.said == ["sla_breached response"]


def test_response_met_offline_before_the_breach_takes_it_back() -> None:
    life = Life(promise("PT1H"), opened=MONDAY)
    life.look(MONDAY + 2 * HOUR)

    life.starts(MONDAY + HOUR / 2, known=MONDAY + 3 * HOUR)

    assert life.said == ["sla_breached response", "sla_breach_withdrawn response"]
    assert life.clock("response").breached_at is None


def test_a_hold_for_a_reason_of_the_policy_stops_the_clock_and_another_does_not() -> None:
    life = Life(promise(resolve="PT4H", pause_on=("parts",)), opened=MONDAY)
    life.starts(MONDAY)
    life.waits(MONDAY + 1 * HOUR, "parts")
    assert life.order.look_at is None

    life.waits(MONDAY + 3 * HOUR, "weather")
    assert life.clock("resolve").deadline == MONDAY + 6 * HOUR
    life.resumes(MONDAY + 5 * HOUR)

    assert life.order.look_at == MONDAY + 6 * HOUR + MOMENT
    assert life.said == []


def test_a_pause_overlapping_holidays_gives_back_only_what_it_took() -> None:
    policy = promise(resolve="PT16H", calendar_id=WORKS.id, pause_on=("parts",))
    thursday = at("2026-04-02T06:00")
    life = Life(policy, opened=thursday, calendars=(WORKS,))
    life.starts(thursday)

    life.waits(at("2026-04-02T12:00"))
    life.resumes(at("2026-04-07T08:00"))

    # Of those five days, Thursday's last two hours and Tuesday's first two were working time.
    assert life.clock("resolve").deadline == at("2026-04-08T10:00")


def test_holds_that_overlap_because_two_devices_tell_of_them_count_once() -> None:
    life = Life(promise(resolve="PT8H", pause_on=("parts", "access")), opened=MONDAY)
    life.starts(MONDAY)
    life.waits(MONDAY + 3 * HOUR)
    life.resumes(MONDAY + 5 * HOUR)

    life.waits(MONDAY + 1 * HOUR, "access", known=MONDAY + 6 * HOUR)
    life.resumes(MONDAY + 4 * HOUR, known=MONDAY + 6 * HOUR)

    assert life.clock("resolve").deadline == MONDAY + 12 * HOUR


def test_a_breach_that_an_offline_hold_explains_is_taken_back_and_may_come_again() -> None:
    life = Life(promise(resolve="PT2H", pause_on=("parts",)), opened=MONDAY)
    life.starts(MONDAY)
    life.look(MONDAY + 3 * HOUR)

    life.waits(MONDAY + HOUR, known=MONDAY + 4 * HOUR)
    life.resumes(MONDAY + 5 * HOUR)
    life.look_until(MONDAY + 10 * HOUR)

    assert life.said == [f"sla_{what} resolve" for what in ("breached", "breach_withdrawn", "breached")]
    assert life.clock("resolve").breached_at == MONDAY + 6 * HOUR


def test_reopened_work_has_the_time_that_was_left_and_can_still_be_late() -> None:
    life = Life(promise(resolve="PT4H"), opened=MONDAY)
    life.starts(MONDAY)
    life.completes(MONDAY + 3 * HOUR)
    assert life.order.look_at is None

    life.reopens(MONDAY + 10 * HOUR)

    assert life.clock("resolve").met_at is None
    assert life.look_until(MONDAY + 20 * HOUR) == [MONDAY + 11 * HOUR + MOMENT]
    assert life.said == ["sla_breached resolve"]


def test_a_late_order_that_is_reopened_is_late_once() -> None:
    life = Life(promise(resolve="PT1H"), opened=MONDAY)
    life.starts(MONDAY)
    life.completes(MONDAY + 2 * HOUR)
    life.reopens(MONDAY + 3 * HOUR)
    life.completes(MONDAY + 4 * HOUR)

    assert life.said == ["sla_breached resolve"]


def test_an_escalation_after_a_hold_comes_as_much_later_and_once() -> None:
    policy = promise(resolve="PT4H", pause_on=("parts",), escalations=(warning("resolve", "-PT1H"),))
    life = Life(policy, opened=MONDAY)
    life.starts(MONDAY)
    life.waits(MONDAY + 2 * HOUR)
    life.look(MONDAY + 3 * HOUR)
    life.resumes(MONDAY + 7 * HOUR)

    looks = life.look_until(MONDAY + 30 * HOUR)

    assert looks == [MONDAY + 8 * HOUR, MONDAY + 9 * HOUR + MOMENT]
    assert life.said == ["sla_escalated resolve", "sla_breached resolve"]
    assert life.told == [f"sla:{ident(50)}:resolve:0"]


def test_a_warning_that_was_given_is_not_given_again_when_a_hold_moves_the_deadline() -> None:
    policy = promise(resolve="PT4H", pause_on=("parts",), escalations=(warning("resolve", "-PT1H"),))
    life = Life(policy, opened=MONDAY)
    life.starts(MONDAY)
    life.look(MONDAY + 3 * HOUR)
    life.waits(MONDAY + 3 * HOUR + MOMENT)
    life.resumes(MONDAY + 9 * HOUR)
    life.look_until(MONDAY + 30 * HOUR)

    assert life.told == [f"sla:{ident(50)}:resolve:0"]


def test_escalations_are_for_whom_the_policy_says_and_end_with_the_start() -> None:
    steps = (warning("response", "PT0S", "assignee"), warning("response", "PT1H", "manager", ident(7)))
    life = Life(promise("PT1H", escalations=steps), opened=MONDAY, priority="critical")

    life.look_until(MONDAY + 90 * timedelta(minutes=1))
    [notice] = life.notices
    assert (notice.template, notice.critical) == ("sla_response", True)
    assert notice.audience == Audience(assignee_ids=(ident(2),))
    assert notice.valid.statuses == ("draft", "requested", "approved", "assigned")

    life.starts(MONDAY + 90 * timedelta(minutes=1))
    life.look(MONDAY + 3 * HOUR)
    assert len(life.notices) == 1


def test_of_policies_the_narrowest_is_chosen_then_the_first_id() -> None:
    wide, narrow = promise(id="a"), promise(id="z", applies=Applies(types=("safety",), priorities=("high",)))
    middle = [promise(id=id, applies=Applies(priorities=("high",))) for id in "cb"]

    def chosen(*policies: SlaPolicy) -> str | None:
        found = best_policy(policies, "safety", "high")
        return found.id if found else None

    assert chosen(wide, *middle, narrow) == "z"
    assert chosen(wide, *middle) == "b"
    assert chosen(wide) == "a"
    assert chosen(promise(applies=Applies(types=("calibration",)))) is None


def test_another_priority_has_another_promise_from_the_same_start() -> None:
    slow = promise(resolve="P2D", id=ident(51), applies=Applies(priorities=("high",)))
    fast = promise(resolve="PT4H", id=ident(52), applies=Applies(priorities=("critical",)))
    life = Life(slow, fast, opened=MONDAY)
    assert life.clock("resolve").deadline == MONDAY + 48 * HOUR

    life.changes(MONDAY + HOUR, priority="critical")
    assert life.clock("resolve").deadline == MONDAY + 4 * HOUR
    life.look(MONDAY + 5 * HOUR)
    life.changes(MONDAY + 6 * HOUR, priority="high")
    life.changes(MONDAY + 6 * HOUR, priority="low")

    assert life.said == ["sla_breached resolve", "sla_breach_withdrawn resolve"]
    assert life.order.watch is not None
    assert life.order.watch.sla is None


def test_changed_terms_are_for_orders_opened_after_them() -> None:
    life = Life(promise(resolve="PT8H"), opened=MONDAY)

    life.policies = replace(life.policies, version=2, sla=(promise(resolve="PT1H"),))
    life.look(MONDAY + 2 * HOUR)
    life.starts(MONDAY + 2 * HOUR)

    assert life.said == []
    assert life.clock("resolve").deadline == MONDAY + 8 * HOUR


def test_history_carries_no_promise() -> None:
    past = MONDAY - timedelta(days=7, seconds=1)

    assert Life(promise("PT1H"), opened=past, known=MONDAY).order.look_at is None
    offline = Life(promise("PT1H"), opened=MONDAY - 6 * 24 * HOUR, known=MONDAY)

    assert offline.order.look_at == MONDAY + MOMENT
    offline.look_until(MONDAY + HOUR)
    assert offline.said == ["sla_breached response"]


@pytest.mark.parametrize(("hours", "said"), [(1, []), (3, ["sla_breached response"])])
def test_a_cancelled_order_is_judged_by_when_it_was_cancelled(hours: int, said: list[str]) -> None:
    life = Life(promise("PT2H"), opened=MONDAY)

    life.cancels(MONDAY + hours * HOUR, known=MONDAY + 9 * HOUR)
    life.look(MONDAY + 99 * HOUR)

    assert life.said == said
    assert life.order.look_at is None


def test_an_order_held_for_ever_again_is_refused_at_last() -> None:
    life = Life(promise(resolve="P9D", pause_on=("parts",)), opened=MONDAY)
    life.starts(MONDAY)

    for n in range(MOST_SPANS):
        life.waits(MONDAY + n * MOMENT)
        life.resumes(MONDAY + n * MOMENT)

    with pytest.raises(Rejected) as refused:
        life.waits(MONDAY + HOUR)

    assert refused.value.code == "too_many_holds"


minutes = st.integers(1, 3000).map(lambda n: timedelta(minutes=n))
deeds = st.lists(
    st.tuples(st.sampled_from(["waits", "resumes", "completes", "reopens", "look"]), minutes, minutes),
    max_size=12,
)
ALL = promise(
    "PT3H",
    "PT20H",
    calendar_id=WORKS.id,
    pause_on=("parts", "access"),
    escalations=(
        warning("response", "-PT1H"),
        warning("resolve", "-PT99H"),
        warning("resolve", "-PT2H"),
        warning("resolve", "PT0S"),
        warning("resolve", "P1D"),
    ),
)
POSSIBLE = {"waits": "in_progress", "resumes": "on_hold", "completes": "in_progress", "reopens": "completed"}


def lived(
    deeds: list[tuple[str, timedelta, timedelta]], *, looking: bool, delayed: bool
) -> tuple[Life, datetime]:
    """The deeds that are possible, each so long after the one before, known so much later if `delayed`."""
    life = Life(ALL, opened=MONDAY, calendars=(WORKS,))
    when = known = MONDAY + HOUR
    life.starts(when)
    for name, gap, delay in deeds:
        when += gap
        known = max(known, when + (delay if delayed else timedelta(0)))
        if name == "look" and looking:
            life.look(known)
        elif POSSIBLE.get(name) == life.order.status:
            getattr(life, name)(when, known=known)
    return life, known


@settings(max_examples=60, deadline=None)
@given(deeds, st.booleans())
def test_replaying_what_happened_gives_the_same_clocks_whoever_looked_in_between(
    deeds: list[Any], delayed: bool
) -> None:
    once, known = lived(deeds, looking=True, delayed=delayed)
    again, last = lived(deeds, looking=False, delayed=False)
    end = max(known, last) + 2000 * HOUR

    once.look(end)
    again.look(end)

    for trigger in ("response", "resolve"):
        assert once.clock(trigger) == again.clock(trigger)
        turns = [name for name, data in once.events if data["clock"] == trigger and "breach" in name]
        # Breaches and their withdrawals alternate, and the last one is how it stands.
        assert all(one != following for one, following in pairwise(turns))
        assert (turns[-1:] == ["work_order.sla_breached"]) == (once.clock(trigger).breached_at is not None)


@settings(max_examples=60, deadline=None)
@given(st.lists(minutes, min_size=1, max_size=8), minutes, st.booleans())
def test_however_time_is_cut_into_looks_the_same_is_told_once(
    gaps: list[timedelta], pause: timedelta, started: bool
) -> None:
    def life() -> Life:
        made = Life(ALL, opened=MONDAY, calendars=(WORKS,))
        if started:
            made.starts(MONDAY)
            made.waits(MONDAY + HOUR)
            made.resumes(MONDAY + HOUR + pause)
        return made

    cut, whole, followed = life(), life(), life()
    now = MONDAY + 2 * HOUR + pause
    for gap in gaps:
        now += gap
        cut.look(now)

    whole.look(now)
    followed.look_until(now)

    assert sorted(cut.told) == sorted(whole.told) == sorted(followed.told)
    assert sorted(cut.said) == sorted(whole.said) == sorted(followed.said)
    assert len(set(cut.told)) == len(cut.told)
    assert cut.order == whole.order
