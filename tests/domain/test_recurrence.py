"""When things recur: RFC 5545's own examples, clamped months, every time zone there is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import dropwhile, islice
from zoneinfo import available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Rejected
from domain.recurrence.checks import check_rule
from domain.recurrence.expansion import rule_times
from domain.recurrence.rule import read_rule
from domain.recurrence.times import Nominal, check_trigger, following, occurrences
from domain.recurrence.trigger import Interval, Rrule
from domain.time.local_time import format_local, in_gap, parse_local, to_instant, to_local
from tests.domain.rfc5545 import EXAMPLES, NINE, WITHIN_A_DAY

NEW_YORK = "America/New_York"
BERLIN = "Europe/Berlin"


def days(said: str) -> tuple[list[str], bool]:
    """The table's shorthand as days, and whether the rule goes on."""
    found: list[str] = []
    year = ""
    for word in said.split():
        if len(word) == 4:
            year = word
        elif word != "…":
            found.append(f"{year}-{word}")
    return found, said.endswith("…")


@pytest.mark.parametrize(("rule", "start", "expected"), EXAMPLES, ids=[row[0] for row in EXAMPLES])
def test_the_examples_of_rfc_5545_come_out_as_they_stand_there(rule: str, start: str, expected: str) -> None:
    wanted, goes_on = days(expected)

    found = list(islice(occurrences(rrule(rule, start)), len(wanted) + 1))

    assert [f"{one.local:%Y-%m-%d}" for one in found[: len(wanted)]] == wanted
    assert len(found) == len(wanted) + goes_on
    assert {one.local.hour for one in found} == {9}


@pytest.mark.parametrize(("rule", "expected"), WITHIN_A_DAY, ids=[row[0] for row in WITHIN_A_DAY])
def test_the_examples_of_rfc_5545_within_a_day_are_read_as_they_stand_there(
    rule: str, expected: list[str]
) -> None:
    found = islice(times(rule, parse_local(NINE)), len(expected))

    assert [f"{local:%Y-%m-%dT%H:%M}" for local in found] == [f"1997-09-02T{at}" for at in expected]


def test_nine_in_the_morning_stays_nine_when_the_clocks_change() -> None:
    trigger = rrule("FREQ=DAILY;UNTIL=19971224T000000Z", "1997-09-02T09:00")

    instants = [to_instant(one.local, NEW_YORK) for one in occurrences(trigger)]

    assert len(instants) == 113
    assert {at.hour for at in instants if at < datetime(1997, 10, 26, tzinfo=UTC)} == {13}
    assert {at.hour for at in instants if at > datetime(1997, 10, 26, tzinfo=UTC)} == {14}


@st.composite
def rules(draw: st.DrawFn) -> tuple[str, datetime]:
    freq = draw(st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"]))
    parts = [f"FREQ={freq}", f"INTERVAL={draw(st.integers(1, 9))}"]
    if draw(st.booleans()):
        parts.append(f"WKST={draw(st.sampled_from(['MO', 'SU', 'WE']))}")
    extra = draw(st.sampled_from(["", "BYDAY=MO,FR", "BYMONTHDAY=1,15,-1", "BYMONTH=2,7", "BYHOUR=6,18"]))
    if extra and not (freq == "HOURLY" and extra.startswith("BYHOUR")):
        parts.append(extra)
        if freq not in ("DAILY", "HOURLY") and draw(st.booleans()):
            parts.append(f"BYSETPOS={draw(st.sampled_from([1, -1]))}")
    start = draw(st.datetimes(datetime(1999, 1, 1), datetime(2003, 1, 1)))  # noqa: DTZ001 - a local time
    return ";".join(parts), start.replace(microsecond=0)


@settings(max_examples=100, deadline=None)
@given(rules(), st.integers(0, 4_000))
def test_a_rule_read_from_the_middle_is_the_rule_read_from_its_start(
    rule: tuple[str, datetime], later: int
) -> None:
    text, start = rule
    after = start + timedelta(days=later)

    try:
        check_rule(text, start, NEW_YORK)
    except Rejected:
        return  # a month that its interval never meets

    from_the_start = dropwhile(lambda local: local <= after, times(text, start))

    assert list(islice(times(text, start, after), 5)) == list(islice(from_the_start, 5))


def times(rule: str, start: datetime, after: datetime | None = None) -> Iterator[datetime]:
    return rule_times(read_rule(rule, start, NEW_YORK), start, after=after)


def test_the_31st_takes_the_last_day_of_a_short_month_and_stays_the_31st() -> None:
    monthly = interval(1, "month", "2024-01-31T08:00")

    found = [format_local(one.local)[:10] for one in islice(occurrences(monthly), 5)]

    assert found == ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"]


def test_29_february_is_28_february_in_a_common_year_and_comes_back() -> None:
    yearly = interval(1, "year", "2024-02-29T08:00")

    found = [format_local(one.local)[:10] for one in islice(occurrences(yearly), 5)]

    assert found == ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]


def test_every_third_week_goes_on_over_new_year_and_week_53() -> None:
    weekly = interval(3, "week", "2026-12-07T08:00")

    found = [format_local(one.local)[:10] for one in islice(occurrences(weekly), 3)]

    assert found == ["2026-12-07", "2026-12-28", "2027-01-18"]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["day", "week", "month", "year"]), st.integers(1, 40), st.integers(0, 5_000))
def test_an_interval_read_from_the_middle_is_read_from_its_start(unit: str, every: int, later: int) -> None:
    trigger = interval(every, unit, "2020-01-31T08:00")
    after = parse_local(trigger.start_local) + timedelta(days=later)
    whole = [one.local for one in islice(occurrences(trigger), 5_100) if one.local > after]

    found = [one.local for one in islice(occurrences(trigger, after=after), 3)]

    assert found == whole[: len(found)]


def test_the_last_day_and_the_last_count_are_included() -> None:
    until = interval(1, "day", "2026-03-01T08:00", ends_on="2026-03-03")
    thrice = interval(1, "day", "2026-03-01T08:00", count=3)

    assert [one.index for one in occurrences(until)] == [1, 2, 3]
    assert [one.index for one in occurrences(thrice)] == [1, 2, 3]
    assert [one.index for one in occurrences(thrice, after=parse_local("2026-03-02T08:00"), index=2)] == [3]


def test_a_floating_one_counts_from_when_it_was_done_at_its_own_time_of_day() -> None:
    monthly = interval(1, "month", "2026-01-10T08:00", basis="floating")

    found = following(monthly, parse_local("2026-01-31T15:20"), index=1)

    assert found == Nominal(parse_local("2026-02-28T08:00"), 2)


def test_done_on_the_very_day_it_is_due_a_daily_one_is_due_the_next_day() -> None:
    daily = interval(1, "day", "2026-01-10T08:00", basis="floating")

    early, late = (following(daily, parse_local(f"2026-01-10T{at}"), index=1) for at in ("07:00", "23:00"))

    assert early == late == Nominal(parse_local("2026-01-11T08:00"), 2)


def test_a_time_in_the_gap_is_read_with_the_offset_before_it_and_a_repeated_one_is_the_first() -> None:
    assert to_instant(parse_local("2026-03-29T02:30"), BERLIN) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert to_instant(parse_local("2026-10-25T02:30"), BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert in_gap(parse_local("2026-03-29T02:30"), BERLIN)


@pytest.mark.parametrize(
    ("zone", "day"), [("Pacific/Kiritimati", "2026-03-01"), ("Etc/GMT+12", "2026-03-02")]
)
def test_midnight_at_the_edges_of_the_world_is_the_right_instant(zone: str, day: str) -> None:
    at = to_instant(parse_local("2026-03-02T00:00"), zone)

    assert f"{at:%Y-%m-%d}" == day
    assert to_local(at, zone) == parse_local("2026-03-02T00:00")


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.torture)])
def test_in_every_zone_a_decade_of_half_past_two_moves_only_over_a_gap(step: int) -> None:
    half_past_two = [one.local for one in islice(occurrences(interval(1, "day", "2020-01-01T02:30")), 3_653)]
    moved = 0
    for zone in sorted(available_timezones()):
        before = None
        for local in half_past_two[:: 1 if zone in (BERLIN, NEW_YORK) else step]:
            at = to_instant(local, zone)
            shown = to_local(at, zone)
            assert before is None or at > before, zone
            if shown != local:
                moved += 1
                # By the rule: as much later as the clock jumped over.
                assert timedelta() < shown - local <= timedelta(days=1), zone
            before = at
    assert moved > 10


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("FREQ=MINUTELY;INTERVAL=90", "rule_too_frequent"),
        ("FREQ=HOURLY;BYMINUTE=0,30", "rule_too_frequent"),
        ("FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=0,10,20,30,40", "rule_too_frequent"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "rule_exhausted"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6", "rule_exhausted"),
        ("FREQ=WEEKLY;BYDAY=XX", "invalid_rule"),
        ("FREQ=WEEKLY;COUNT=2;UNTIL=20270101", "invalid_rule"),
        ("FREQ=WEEKLY;EXDATE=20270101", "invalid_rule"),
        ("FREQ=WEEKLY;INTERVAL=0", "invalid_rule"),
        ("FREQ=WEEKLY;INTERVAL=-1", "invalid_rule"),
        ("WEEKLY;;=;", "invalid_rule"),
        ("FREQ=DAILY;BYYEARDAY=5", "invalid_rule"),
        ("FREQ=WEEKLY;BYYEARDAY=5", "invalid_rule"),
        ("FREQ=MONTHLY;BYYEARDAY=5", "invalid_rule"),
        ("FREQ=WEEKLY;BYMONTHDAY=5", "invalid_rule"),
        ("FREQ=MONTHLY;BYWEEKNO=5", "invalid_rule"),
        ("FREQ=HOURLY;BYWEEKNO=5", "invalid_rule"),
        ("FREQ=WEEKLY;UNTIL=20260104", "invalid_rule"),
        ("FREQ=WEEKLY;UNTIL=20260105T065959Z", "invalid_rule"),
        ("FREQ=WEEKLY;UNTIL=20269999", "invalid_rule"),
        ("FREQ=MONTHLY;BYSETPOS=1", "invalid_rule"),
        ("FREQ=WEEKLY;BYDAY=-MO", "invalid_rule"),
        ("FREQ=WEEKLY;WKST=1", "invalid_rule"),
        ("FREQ=DAILY;BYSETPOS=366", "rule_too_costly"),
        ("FREQ=DAILY;BYSETPOS=2", "rule_too_costly"),
        ("FREQ=DAILY;BYHOUR=8,16;BYSETPOS=-3", "rule_too_costly"),
        ("FREQ=WEEKLY;BYSETPOS=366", "rule_too_costly"),
        ("FREQ=WEEKLY;BYDAY=MO,WE;BYSETPOS=3,-3", "rule_too_costly"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=TU", "rule_too_costly"),
        ("FREQ=HOURLY;INTERVAL=24;BYHOUR=5", "rule_too_costly"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31", "rule_too_costly"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: str, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        check_rule(rule, parse_local("2026-01-05T08:00"), BERLIN)

    assert (refused.value.code, refused.value.path) == (code, "rrule")


@pytest.mark.parametrize(
    ("rule", "start", "expected"),
    [
        # What the rule does not say comes from the start: here the Monday.
        ("FREQ=YEARLY;BYWEEKNO=20", "2026-05-11", "2026-05-11 2027-05-17 2028-05-15"),
        ("FREQ=YEARLY;BYWEEKNO=-1;WKST=SU", "2026-05-12", "2026-12-29 2027-12-28 2028-12-26"),
        ("FREQ=YEARLY;BYWEEKNO=1,27;BYMONTH=7", "2026-01-02", "2026-07-03 2027-07-09 2028-07-07"),
        ("FREQ=YEARLY;BYWEEKNO=53;BYDAY=SA,SU", "2021-01-02", "2021-01-02 2021-01-03 2027-01-02 2027-01-03"),
        ("FREQ=YEARLY;BYWEEKNO=52;BYDAY=SA,SU", "2021-06-02", "2022-01-01 2022-01-02 2022-12-31 2023-01-01"),
        ("FREQ=YEARLY;BYWEEKNO=-53;BYDAY=MO", "2026-01-01", "2031-12-29 2036-12-29"),
        # Every other year of weeks: the 30th of December 2024 lies in the first week of 2025.
        ("FREQ=YEARLY;INTERVAL=2;BYWEEKNO=1;BYDAY=MO", "2024-12-30", "2024-12-30 2027-01-04 2029-01-01"),
        # The set that BYSETPOS chooses from is the whole week, also that of the start.
        ("FREQ=WEEKLY;BYDAY=MO,TU,WE;BYSETPOS=1", "2026-05-12", "2026-05-18 2026-05-25"),
        ("FREQ=WEEKLY;BYDAY=+MO", "2026-05-12", "2026-05-18 2026-05-25"),
        ("FREQ=MONTHLY;BYDAY=+1MO", "2026-05-12", "2026-06-01 2026-07-06"),
        ("FREQ=YEARLY;BYMONTHDAY=5", "2026-05-12", "2026-06-05 2026-07-05"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO", "2026-05-12", "2044-02-29 2072-02-29 2112-02-29"),
    ],
)
def test_what_other_engines_get_wrong_is_as_the_rfc_has_it(rule: str, start: str, expected: str) -> None:
    found = list(islice(occurrences(rrule(rule, f"{start}T08:00")), len(expected.split())))

    check_rule(rule, parse_local(f"{start}T08:00"), NEW_YORK)
    assert [f"{one.local:%Y-%m-%d}" for one in found] == expected.split()


def test_a_count_is_kept_also_by_who_reads_on_from_the_middle() -> None:
    five = rrule("FREQ=DAILY;COUNT=5", "2026-05-12T08:00")

    rest = list(occurrences(five, after=parse_local("2026-05-14T08:00"), index=3))

    assert [(one.local.day, one.index) for one in rest] == [(15, 4), (16, 5)]


def test_a_rule_that_becomes_too_rare_later_stops_with_the_reason_instead_of_searching_on() -> None:
    # Each 999th day: once on such a 29th of February, then not for millennia.
    start = parse_local("2028-02-29T08:00")
    rare = read_rule("FREQ=DAILY;INTERVAL=999;BYMONTH=2;BYMONTHDAY=29;BYDAY=TU", start, BERLIN)
    found = rule_times(rare, start)

    assert next(found) == start
    with pytest.raises(Rejected) as refused:
        list(found)
    assert refused.value.code == "rule_too_costly"


@settings(max_examples=200, deadline=None)
@given(st.text("FREQ=WEKLYDAIONTH;BYMSPU0123456789,-+", min_size=1, max_size=60))
def test_whatever_stands_in_a_rule_it_is_taken_or_refused(text: str) -> None:
    try:
        check_trigger(rrule(f"FREQ=MONTHLY;{text}", "2026-01-05T08:00"))
    except Rejected:
        return


def rrule(rule: str, start: str) -> Rrule:
    return Rrule(rrule=rule, start_local=start, time_zone=NEW_YORK)


def interval(every: int, unit: str, start: str, **more: object) -> Interval:
    return Interval(every=every, unit=unit, start_local=start, time_zone=BERLIN, **more)  # type: ignore[arg-type]
