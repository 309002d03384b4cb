"""Which slots a schedule fires, by the clock alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from schedules.declaration import All, Daily, Every, Latest, Skip, due_slots

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BY_MINUTE = Every(MINUTE)


def test_slots_are_multiples_of_the_period_whoever_looks_and_when() -> None:
    assert BY_MINUTE.last(NOON + timedelta(seconds=59)) == NOON
    assert BY_MINUTE.after(NOON) == NOON + MINUTE


def test_each_slot_fires_once() -> None:
    assert due_slots(BY_MINUTE, Latest(), last=NOON, now=NOON + 0.5 * MINUTE).slots == ()
    assert due_slots(BY_MINUTE, Latest(), last=NOON, now=NOON + 1.5 * MINUTE).slots == (NOON + MINUTE,)


def test_a_clock_set_back_fires_nothing_twice() -> None:
    assert due_slots(BY_MINUTE, All(9, timedelta(days=1)), last=NOON, now=NOON - 5 * MINUTE).slots == ()


def test_after_an_outage_latest_fires_once_and_counts_the_others() -> None:
    due = due_slots(BY_MINUTE, Latest(), last=NOON, now=NOON + 10 * MINUTE)

    assert due.slots == (NOON + 10 * MINUTE,)
    assert (due.skipped, due.before) == (9, NOON + 9 * MINUTE)


def test_after_an_outage_all_fires_each_slot_of_its_window_up_to_its_bound() -> None:
    due = due_slots(BY_MINUTE, All(most=3, window=timedelta(hours=1)), last=NOON, now=NOON + 10 * MINUTE)

    assert due.slots == tuple(NOON + n * MINUTE for n in (8, 9, 10))
    assert due.skipped == 7

    near = due_slots(BY_MINUTE, All(most=99, window=2.5 * MINUTE), last=NOON, now=NOON + 10 * MINUTE)
    assert near.slots == tuple(NOON + n * MINUTE for n in (8, 9, 10))


def test_after_an_outage_skip_waits_for_the_next_slot() -> None:
    nightly = Daily(2, 30, "UTC")
    last = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)

    missed = due_slots(nightly, Skip(), last=last, now=NOON + timedelta(days=1))

    assert (missed.slots, missed.skipped) == ((), 2)
    tomorrow = datetime(2026, 3, 4, 2, 30, tzinfo=UTC)
    on_time = due_slots(nightly, Skip(), last=missed.before, now=tomorrow + timedelta(seconds=1))
    assert on_time.slots == (tomorrow,)


def test_a_daily_slot_in_the_gap_of_spring_is_an_hour_later_on_the_clock() -> None:
    nightly = Daily(2, 30, "Europe/Berlin")

    slot = nightly.after(datetime(2026, 3, 28, 12, tzinfo=UTC))

    assert slot == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert nightly.after(slot) == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)
