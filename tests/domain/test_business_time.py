"""Working time: what a calendar counts, over midnight, holidays and changes of clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.time.business_time import HORIZON, add, between
from domain.time.local_time import to_local
from domain.time.working_calendar import Calendar, Hours
from tests.tasks.fake_work import ident

HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)
WEEKDAYS = range(1, 6)


def calendar(zone: str = "UTC", *hours: Hours, holidays: tuple[str, ...] = ()) -> Calendar:
    return Calendar(
        id=ident(1),
        name="Works",
        time_zone=zone,
        holidays=holidays,
        working_hours=hours or tuple(Hours(weekday=day, start="08:00", to="16:00") for day in WEEKDAYS),
    )


def every_day(start: str, to: str) -> list[Hours]:
    return [Hours(weekday=day, start=start, to=to) for day in range(1, 8)]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_work_left_over_on_friday_goes_on_on_monday() -> None:
    friday = at("2026-03-06T15:00")

    assert add(friday, 3 * HOUR, calendar()) == at("2026-03-09T10:00")
    assert between(friday, at("2026-03-09T10:00"), calendar()) == 3 * HOUR


def test_what_ends_with_the_day_ends_that_evening_and_not_next_morning() -> None:
    assert add(at("2026-03-06T15:00"), HOUR, calendar()) == at("2026-03-06T16:00")


def test_holidays_do_not_count() -> None:
    eastern = calendar(holidays=("2026-04-03", "2026-04-06"))

    assert add(at("2026-04-02T15:00"), 2 * HOUR, eastern) == at("2026-04-07T09:00")
    assert between(at("2026-04-02T16:00"), at("2026-04-07T08:00"), eastern) == timedelta(0)


def test_a_shift_over_midnight_is_two_spans_that_touch() -> None:
    night = calendar("Europe/Berlin", *every_day("22:00", "24:00"), *every_day("00:00", "06:00"))

    assert between(at("2026-01-10T20:00"), at("2026-01-11T10:00"), night) == 8 * HOUR
    assert add(at("2026-01-10T20:00"), 4 * HOUR, night) == at("2026-01-11T01:00")


def test_hours_are_real_ones_when_the_clocks_change() -> None:
    night = calendar("Europe/Berlin", *every_day("00:00", "06:00"))
    spring, autumn = at("2026-03-28T20:00"), at("2026-10-24T20:00")

    assert between(spring, spring + 12 * HOUR, night) == 5 * HOUR
    assert between(autumn, autumn + 12 * HOUR, night) == 7 * HOUR


def test_hours_that_the_clocks_leave_out_are_not_worked() -> None:
    in_the_gap = calendar("Europe/Berlin", *every_day("02:15", "03:00"))

    assert between(at("2026-03-28T12:00"), at("2026-03-29T12:00"), in_the_gap) == timedelta(0)
    assert between(at("2026-03-29T12:00"), at("2026-03-30T12:00"), in_the_gap) == 3 * QUARTER


def test_a_day_that_a_zone_left_out_is_not_counted_twice() -> None:
    apia = calendar("Pacific/Apia", *every_day("09:00", "17:00"))

    # 28th from 14:00, 29th, no 30th, 31st, 1st, 2nd until 14:00.
    assert between(at("2011-12-29T00:00"), at("2012-01-02T00:00"), apia) == (3 + 8 + 8 + 8 + 5) * HOUR


def test_without_hours_every_hour_counts() -> None:
    start = at("2026-03-07T03:00")
    holidays_only = Calendar(id=ident(1), name="Bare", time_zone="UTC", holidays=("2026-03-07",))

    for none in (None, holidays_only):
        assert add(start, 48 * HOUR, none) == start + 48 * HOUR
        assert between(start, start + HOUR, none) == HOUR
        assert between(start + HOUR, start, none) == timedelta(0)


def test_a_calendar_that_never_opens_is_not_searched_for_ever() -> None:
    shut = calendar("UTC", Hours(weekday=1, start="08:00", to="08:01"))
    start = at("2026-03-02T00:00")

    assert add(start, 3000 * HOUR, shut) == start + HORIZON


ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Apia")
quarters = st.integers(0, 96).map(lambda n: f"{n // 4:02}:{n % 4 * 15:02}")
spans = st.tuples(st.integers(1, 7), quarters, quarters).map(
    lambda found: Hours(weekday=found[0], start=min(found[1:]), to=max(found[1:]))
)
hours = st.lists(spans, min_size=1, max_size=8).map(tuple)
instants = st.integers(0, 4 * 24 * 365 * 3).map(lambda n: at("2024-01-01T00:00") + n * QUARTER)
durations = st.integers(0, 400).map(lambda n: n * QUARTER)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), hours, instants, durations, durations)
def test_adding_and_measuring_are_one_arithmetic(
    zone: str, worked: tuple[Hours, ...], start: datetime, one: timedelta, more: timedelta
) -> None:
    known = calendar(zone, *worked)
    middle, end = add(start, one, known), add(start, one + more, known)
    if end == start + HORIZON:
        return

    assert add(middle, more, known) == end
    assert between(start, end, known) == one + more
    assert between(start, middle, known) + between(middle, end, known) == one + more
    if one:
        assert between(start, middle - timedelta(milliseconds=1), known) < one


@settings(max_examples=30, deadline=None)
@given(hours, instants, st.integers(0, 500))
def test_it_is_what_counting_quarters_of_an_hour_comes_to(
    worked: tuple[Hours, ...], start: datetime, count: int
) -> None:
    known = calendar("Asia/Kolkata", *worked, holidays=("2024-06-03", "2025-01-01"))

    def is_open(moment: datetime) -> bool:
        local = to_local(moment, known.time_zone)
        clock = f"{local:%H:%M}"
        return not known.is_holiday(local.date()) and any(
            span.weekday == local.isoweekday() and span.start <= clock < span.to for span in worked
        )

    opened = sum(is_open(start + n * QUARTER) for n in range(count))

    assert between(start, start + count * QUARTER, known) == opened * QUARTER
