"""Plans revised while they run: issued orders stay, numbering goes on or begins anew, nothing comes twice."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import Rejected
from domain.plan.changes import ended, overridden, paused, quarantined, resumed
from domain.plan.model import Override
from tests.domain.planning import FAN, PUMP, Life, by_rule, every, utc

WEEKLY = every(1, "week", "2026-03-06T08:00")


def test_what_is_due_before_a_revision_takes_effect_goes_by_the_old_rules() -> None:
    life = Life(WEEKLY, at="2026-03-05")
    life.until("2026-03-07")

    life.revise("2026-03-08", "2026-03-16T00:00", trigger=every(1, "week", "2026-03-18T10:00"))
    life.until("2026-03-31")

    assert life.dues == ["2026-03-06T07:00", "2026-03-13T07:00", "2026-03-18T09:00", "2026-03-25T09:00"]
    assert [one.occurrence.revision for one in life.opened] == [1, 1, 2, 2]
    assert (life.plan.revision, life.plan.upcoming) == (2, None)


def test_a_revision_with_a_longer_lead_opens_ahead_of_the_day_it_takes_effect() -> None:
    life = Life(WEEKLY, at="2026-03-05")
    life.until("2026-03-13T12:00")

    life.revise("2026-03-14", "2026-03-20T00:00", lead_time="P5D")
    life.until("2026-03-15T12:00")

    assert life.days == ["2026-03-06", "2026-03-13", "2026-03-20"]


@pytest.mark.parametrize("now", ["2026-03-14", "2026-03-17"])
def test_what_is_revised_for_a_day_to_come_is_not_undone_by_what_is_revised_at_once(now: str) -> None:
    life = Life(WEEKLY, at="2026-03-05")
    life.until("2026-03-14")
    life.revise("2026-03-14", "2026-03-16T00:00", trigger=every(1, "week", "2026-03-18T10:00"))

    life.revise(now, name="Rounds")
    life.until("2026-03-31")

    assert life.days == ["2026-03-06", "2026-03-13", "2026-03-18", "2026-03-25"]
    assert (life.plan.rules.name, life.plan.upcoming) == ("Rounds", None)


def test_what_is_revised_at_once_is_revised_also_for_what_is_to_come() -> None:
    life = Life(WEEKLY, at="2026-03-05")
    later = {"trigger": every(1, "week", "2026-03-18T10:00"), "template": {"title": "Look twice"}}
    life.revise("2026-03-05", "2026-03-16T00:00", **later)

    life.revise("2026-03-05", trigger=every(2, "week", "2026-03-06T08:00"))
    life.until("2026-04-04")

    assert life.days == ["2026-03-06", "2026-03-20", "2026-04-03"]
    assert life.plan.rules.template.title == "Look twice"


def test_a_second_revision_to_come_replaces_the_first() -> None:
    life = Life(WEEKLY, at="2026-03-05")

    life.revise("2026-03-05", "2026-03-10T00:00", trigger=every(1, "day", "2026-03-10T08:00"))
    life.revise("2026-03-05", "2026-03-20T00:00", trigger=every(2, "week", "2026-03-20T08:00"))
    life.until("2026-04-04")

    assert life.days == ["2026-03-06", "2026-03-13", "2026-03-20", "2026-04-03"]


@pytest.mark.parametrize("effective_from", [None, "2026-03-20T00:00"])
def test_what_was_issued_ahead_is_not_issued_again_after_a_revision(effective_from: str | None) -> None:
    life = Life(WEEKLY, at="2026-03-05", lead_time="P30D")
    life.until("2026-03-10")
    issued = list(life.days)

    for changes in ({"name": "Rounds"}, {"trigger": every(1, "week", "2026-03-13T08:00")}):
        life.revise("2026-03-10", effective_from, **changes)
        life.until("2026-03-10")

    assert life.days == issued
    assert issued[-1] == "2026-04-03"


def test_a_plan_that_has_run_for_ever_so_long_is_revised_like_any_other() -> None:
    life = Life(by_rule("FREQ=HOURLY", "2026-03-06T00:00"), at="2026-03-05")
    life.look("2026-03-08")
    next_due_at = life.plan.next_due_at

    life.revise("2028-08-01", name="Rounds")

    assert (life.plan.rules.name, life.plan.next_due_at) == ("Rounds", next_due_at)


def test_an_occurrence_that_was_issued_does_not_come_again_under_its_name_in_another_zone() -> None:
    daily = every(1, "day", "2026-03-06T08:00")
    life = Life(daily, at="2026-03-05")
    life.until("2026-03-06T07:00")

    life.revise("2026-03-06T08:00", trigger=daily | {"time_zone": "America/New_York"})
    life.until("2026-03-07T13:00")

    assert life.dues == ["2026-03-06T07:00", "2026-03-07T13:00"]
    assert life.days == ["2026-03-06", "2026-03-07"], "a name is an order's for ever"


def test_an_occurrence_that_was_brought_forward_and_issued_does_not_come_again_at_its_own_time() -> None:
    life = Life(WEEKLY, at="2026-03-05", lead_time="P4D")
    sooner = Override(occurrence="2026-03-06T08:00", action="move", to_local="2026-03-05T16:00", reason="x")
    life.plan = overridden(life.plan, sooner, None, now=utc("2026-03-05"))
    life.until("2026-03-05")

    life.revise("2026-03-05T16:00", trigger=WEEKLY | {"ends_on": "2026-03-31"})
    life.until("2026-03-10")

    assert life.days == ["2026-03-06", "2026-03-13"]


@pytest.mark.parametrize("effective_from", [None, "2026-03-27T00:00"])
def test_each_third_stays_the_third_when_something_else_is_revised(effective_from: str | None) -> None:
    life = Life(WEEKLY, at="2026-03-05", skip_every=3)
    life.until("2026-03-26")

    life.revise("2026-03-26", effective_from, name="Rounds")
    life.until("2026-04-18")

    assert life.left_out == [("2026-03-20", "skip_every"), ("2026-04-10", "skip_every")]


@pytest.mark.parametrize("effective_from", [None, "2026-03-27T00:00"])
def test_another_trigger_is_numbered_from_its_own_start(effective_from: str | None) -> None:
    life = Life(WEEKLY, at="2026-03-05", skip_every=3)
    life.until("2026-03-26")

    life.revise(
        "2026-03-26T12:00", effective_from, trigger=by_rule("FREQ=DAILY", "2026-03-24T08:00", count=8)
    )
    life.until("2026-05-01")

    assert life.left_out[1:] == [("2026-03-29", "skip_every")]
    assert life.days[2:] == ["2026-03-27", "2026-03-28", "2026-03-30", "2026-03-31"]


def test_a_template_revised_for_later_leaves_a_floating_plan_its_pace() -> None:
    life = Life(every(1, "week", "2026-03-06T08:00", basis="floating"), at="2026-03-05")
    life.until("2026-03-06T12:00")
    life.end(life.opened[0], "2026-03-08T09:00")

    life.revise("2026-03-09", "2026-03-12T00:00", template={"title": "Look twice"})
    life.until("2026-03-16")

    assert life.days == ["2026-03-06", "2026-03-15"]
    assert [one.occurrence.revision for one in life.opened] == [1, 2]


@pytest.mark.parametrize("changes", [{"targets": [{"asset_id": FAN}]}, {"trigger": WEEKLY}])
def test_who_waits_for_what_is_revised_at_once_or_not_at_all(changes: dict[str, Any]) -> None:
    life = Life(every(1, "week", "2026-03-06T08:00", basis="floating"), at="2026-03-05")

    with pytest.raises(Rejected) as refused:
        life.revise("2026-03-05", "2026-03-12T00:00", **changes)
    life.revise("2026-03-05", **changes)
    life.until("2026-03-06T12:00")

    assert refused.value.code == "revised_at_once"
    assert [one.asset_ids for one in life.opened] == [(FAN if "targets" in changes else PUMP,)]


def test_a_paused_plan_brings_nothing_and_a_resumed_one_what_its_catching_up_says() -> None:
    life = Life(WEEKLY, at="2026-03-05", catch_up="latest")
    life.until("2026-03-07")

    life.plan = paused(life.plan)
    life.until("2026-04-01")
    life.look("2026-04-01")
    life.plan = resumed(life.plan, None, now=utc("2026-04-01"))
    life.catch_up("2026-04-01")

    assert life.days == ["2026-03-06", "2026-03-27"]
    assert life.left_out == [("2026-03-13", "missed"), ("2026-03-20", "missed")]


@pytest.mark.parametrize("cure", ["resume", "revise"])
def test_a_quarantined_plan_rests_until_a_person_resumes_or_mends_it(cure: str) -> None:
    life = Life(WEEKLY, at="2026-03-05")

    life.plan = quarantined(life.plan, code="no_working_day", message="none", at=utc("2026-03-05"))
    life.until("2026-03-10")
    resting = list(life.opened)
    if cure == "resume":
        life.plan = resumed(life.plan, None, now=utc("2026-03-10"))
    else:
        life.revise("2026-03-10", name="Rounds")
    life.until("2026-03-10")

    assert resting == []
    assert (life.plan.state, life.plan.quarantine) == ("active", None)
    assert life.days == ["2026-03-06"]


def test_what_has_ended_stays_ended() -> None:
    life = Life(WEEKLY, at="2026-03-05")

    life.plan = ended(life.plan, "sold")

    life.until("2026-05-01")
    with pytest.raises(Rejected) as refused:
        life.revise("2026-03-06", name="Rounds")
    assert (refused.value.code, life.opened, life.plan.generate_at) == ("plan_ended", [], None)
