"""When an endpoint is left alone, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.notices.breaker import (
    FAILURES,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    PROBE,
    Breaker,
    Wait,
    after_failure,
    after_response,
    allow_attempt,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def broken(times: int = FAILURES) -> Breaker:
    breaker = Breaker()
    for _ in range(times):
        breaker = after_failure(breaker, NOON, was_probe=False)
    return breaker


def test_it_opens_at_the_fifth_failure_in_a_row() -> None:
    assert allow_attempt(broken(4), NOON) == broken(4)
    assert allow_attempt(broken(5), NOON) == Wait(NOON + FIRST_PAUSE)


def test_one_answer_makes_it_forget_the_failures_before() -> None:
    assert broken(4) != after_response()
    assert after_failure(after_response(), NOON, was_probe=False) == broken(1)


def test_after_its_time_one_probes_and_the_others_wait() -> None:
    later = NOON + FIRST_PAUSE

    probing = allow_attempt(broken(), later)

    assert isinstance(probing, Breaker)
    assert probing.state(later) == "half_open"
    assert isinstance(allow_attempt(probing, later), Wait)


def test_a_probe_that_never_comes_back_is_followed_by_another() -> None:
    later = NOON + FIRST_PAUSE
    probing = allow_attempt(broken(), later)
    assert isinstance(probing, Breaker)
    assert probing.probe_until is not None

    assert isinstance(allow_attempt(probing, probing.probe_until), Breaker)


def test_what_began_before_it_opened_does_not_open_it_further() -> None:
    assert after_failure(broken(), NOON + timedelta(seconds=9), was_probe=False) == broken()


@settings(max_examples=50)
@given(probes=st.integers(0, 200))
def test_each_failed_probe_doubles_the_pause_up_to_an_hour(probes: int) -> None:
    breaker, now = broken(), NOON
    for _ in range(probes):
        assert breaker.open_until is not None
        now = breaker.open_until
        breaker = after_failure(breaker, now, was_probe=True)

    assert breaker.open_until is not None
    assert breaker.open_until - now == min(
        FIRST_PAUSE * 2**probes if probes < 20 else LONGEST_PAUSE, LONGEST_PAUSE
    )


def test_a_pause_or_probe_of_a_clock_that_was_set_back_since_is_over() -> None:
    back = NOON - timedelta(days=1)
    opened = Breaker(failures=5, openings=1, open_until=NOON + FIRST_PAUSE, probe_until=NOON + PROBE)

    found = allow_attempt(opened, back)

    assert isinstance(found, Breaker)
    assert found.probe_until == back + PROBE
