"""The table of endings: which state an exception gives, after how many attempts, with which delay."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from adapters.commands.document import LONGEST_PAUSE
from adapters.mongo.client import DUPLICATE_KEY, Unwritable
from domain.errors import Conflict, Rejected, Transient
from workers.drain.fate import BUG_ATTEMPTS, BUG_DELAYS, TRANSIENT_ATTEMPTS, Fate, fate_of


class Always(random.Random):
    """Chance at its largest: the ceiling of each delay."""

    def random(self) -> float:
        return 1.0


def fate(error: Exception, attempts: int = 0) -> Fate:
    return fate_of(error, attempts=attempts, chance=Always())


@pytest.mark.parametrize("attempts", [0, 1, 100])
def test_a_refusal_is_final_at_once(attempts: int) -> None:
    ended = fate(Rejected("not_assigned", "it is not yours", path="id"), attempts)

    assert (ended.state, ended.delay) == ("rejected", None)
    assert ended.error == {"code": "not_assigned", "message": "it is not yours", "path": "id"}


def test_a_conflict_is_final_and_shows_what_differs() -> None:
    row = {"path": "/title", "base": "a", "mine": "b", "server": "c"}
    ended = fate(Conflict("base_moved", "changed since version 1", diff=[row]))

    assert (ended.state, ended.delay, ended.error["diff"]) == ("conflict", None, [row])


def test_a_taken_unique_value_is_a_refusal_that_names_the_field() -> None:
    ended = fate(Unwritable("E11000", code=DUPLICATE_KEY, taken=("tenant_id", "tag")))

    assert (ended.state, ended.error["code"], ended.error["path"]) == ("rejected", "duplicate", "tag")


def test_a_bug_has_three_attempts_within_fifteen_seconds() -> None:
    fates = [fate(ValueError("oops"), attempts) for attempts in range(BUG_ATTEMPTS)]

    assert [one.state for one in fates] == ["retrying", "retrying", "dead"]
    assert [one.delay for one in fates[:2]] == list(BUG_DELAYS)
    assert sum(BUG_DELAYS, timedelta()) < timedelta(seconds=15)
    assert fates[2].delay is None


def test_what_is_outside_and_down_is_tried_ever_more_seldom_and_given_up_at_last() -> None:
    fates = [fate(Transient("down"), attempts) for attempts in range(TRANSIENT_ATTEMPTS)]
    delays = [one.delay for one in fates[:-1]]

    assert {one.state for one in fates[:-1]} == {"retrying"}
    assert fates[-1].state == "dead"
    assert delays[:3] == [timedelta(seconds=n) for n in (1, 2, 4)]
    assert max(delay for delay in delays if delay) <= LONGEST_PAUSE
    assert fates[0].error["code"] == "unavailable"


def test_a_delay_is_jittered_over_its_whole_range() -> None:
    delays = {fate_of(Transient("down"), attempts=3, chance=random.Random(seed)).delay for seed in range(50)}

    assert len(delays) == 50
    assert all(delay is not None and timedelta() <= delay <= timedelta(seconds=8) for delay in delays)


def test_a_client_hears_nothing_of_a_bug_and_an_operator_everything() -> None:
    def broken() -> None:
        raise KeyError("inner name")

    with pytest.raises(KeyError) as raised:
        broken()
    error = fate(raised.value).error

    assert (error["code"], "inner" in error["message"]) == ("internal_error", False)
    assert (error["class"], "inner name" in error["detail"]) == ("KeyError", True)
    assert "in broken" in error["traceback"]
    assert len(error["fingerprint"]) == 16


def test_the_same_bug_in_the_same_place_has_the_same_fingerprint_and_no_other() -> None:
    def raised(kind: type[Exception], text: str) -> str:
        try:
            raise kind(text)
        except Exception as error:  # noqa: BLE001 - whatever it is
            fingerprint: str = fate(error).error["fingerprint"]
            return fingerprint

    assert raised(KeyError, "one") == raised(KeyError, "another")
    assert raised(KeyError, "one") != raised(ValueError, "one")
