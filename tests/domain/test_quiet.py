"""Quiet hours and digests in a person's own zone, over midnight and where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from domain.notices.preferences import Preferences
from domain.notices.quiet_hours import QuietHours, end_of_quiet, next_digest

NIGHT = QuietHours(start="22:00", to="07:00")
BERLIN = "Europe/Berlin"
ZONES = st.sampled_from(
    [BERLIN, "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Pacific/Kiritimati", "UTC"]
)
TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
INSTANTS = st.datetimes(datetime(2011, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-01-10T20:59", "2026-01-10T20:59"),  # 21:59 in Berlin
        ("2026-01-10T21:00", "2026-01-11T06:00"),  # 22:00: the first quiet instant
        ("2026-01-10T23:30", "2026-01-11T06:00"),  # half past midnight
        ("2026-01-11T05:59", "2026-01-11T06:00"),
        ("2026-01-11T06:00", "2026-01-11T06:00"),  # 07:00: awake
        ("2026-03-28T21:00", "2026-03-29T05:00"),  # the night is an hour shorter
        ("2026-10-24T20:00", "2026-10-25T06:00"),  # and here an hour longer
    ],
)
def test_a_night_begins_and_ends_by_the_wall_clock(at: str, until: str) -> None:
    assert end_of_quiet(NIGHT, BERLIN, utc(at)) == utc(until)


@pytest.mark.parametrize(
    ("to", "at", "until"),
    [
        ("02:30", "2026-03-29T00:30", "2026-03-29T01:30"),  # there is no 02:30: it means 03:30
        ("02:30", "2026-10-25T00:00", "2026-10-25T00:30"),  # there are two: the first ends the night
        ("02:30", "2026-10-25T01:10", "2026-10-25T01:10"),  # 02:10 again, an hour later: awake
    ],
)
def test_an_end_that_the_clocks_leave_out_or_repeat(to: str, at: str, until: str) -> None:
    assert end_of_quiet(QuietHours(start="22:00", to=to), BERLIN, utc(at)) == utc(until)


def test_by_day_and_in_another_zone() -> None:
    lunch = QuietHours(start="12:00", to="13:00")

    assert end_of_quiet(lunch, "Pacific/Kiritimati", utc("2026-05-01T22:30")) == utc("2026-05-01T23:00")
    assert end_of_quiet(lunch, "UTC", utc("2026-05-01T22:30")) == utc("2026-05-01T22:30")
    assert end_of_quiet(None, "UTC", utc("2026-05-01T22:30")) == utc("2026-05-01T22:30")


def test_a_digest_is_due_at_the_very_minute_and_then_a_day_later() -> None:
    assert next_digest("08:00", BERLIN, utc("2026-03-28T07:00")) == utc("2026-03-28T07:00")
    assert next_digest("08:00", BERLIN, utc("2026-03-28T07:01")) == utc("2026-03-29T06:00")


def test_a_digest_that_falls_into_quiet_hours_waits_for_their_end() -> None:
    early = Preferences(id="x", time_zone=BERLIN, digest="daily", digest_at="06:00", quiet_hours=NIGHT)

    assert early.mail_at(utc("2026-01-10T12:00"), critical=False) == utc("2026-01-11T06:00")
    assert early.mail_at(utc("2026-01-10T23:00"), critical=True) == utc("2026-01-10T23:00")


@settings(max_examples=150, deadline=None)
@given(start=TIMES, to=TIMES, zone=ZONES, at=INSTANTS)
def test_nobody_is_woken_and_nobody_waits_longer_than_their_quiet_hours(
    start: str, to: str, zone: str, at: datetime
) -> None:
    quiet = QuietHours(start=start, to=to)
    assume(not quiet.never_ends)

    until = end_of_quiet(quiet, zone, at)

    assert at <= until <= at + timedelta(hours=50)  # Apia once left out a whole day
    assert end_of_quiet(quiet, zone, until) == until


@settings(max_examples=150, deadline=None)
@given(digest_at=TIMES, zone=ZONES, at=INSTANTS)
def test_a_digest_comes_within_a_day(digest_at: str, zone: str, at: datetime) -> None:
    due = next_digest(digest_at, zone, at)

    assert at <= due <= at + timedelta(hours=50)
    assert next_digest(digest_at, zone, due) == due
