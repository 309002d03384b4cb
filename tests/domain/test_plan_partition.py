"""A plan looked at whenever, however often, brings what its preview said: each occurrence once, none lost."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.plan import meter_due as by_meter
from domain.plan.changes import refreshed
from domain.plan.preview import preview
from tests.domain.planning import DAY, FAN, PUMP, Life, by_rule, every, holidays, identities, utc

METER = "01900000-0000-7000-8000-000000000900"
BORN = "2026-03-05T12:00"
HORIZON = utc("2026-07-01")

TRIGGERS = [
    every(1, "day", "2026-01-05T02:30"),
    every(9, "day", "2026-03-07T23:45"),
    every(1, "month", "2026-01-31T00:00"),
    every(2, "week", "2025-12-29T08:00", count=11),
    by_rule("FREQ=DAILY;INTERVAL=3;BYHOUR=2,3;BYMINUTE=0", "2026-01-01T02:00"),
    by_rule("FREQ=WEEKLY;BYDAY=MO,FR", "2026-01-05T08:00", ends_on="2026-06-01"),
    by_rule("FREQ=MONTHLY;BYDAY=-1FR", "2026-01-01T17:00"),
    by_rule("FREQ=HOURLY;INTERVAL=31", "2026-01-01T00:15"),
]
EASTER = holidays("2026-04-03", "2026-04-05", "2026-04-06", "2026-05-01", "2026-05-14", "2026-05-25")


@st.composite
def asked(draw: st.DrawFn) -> dict[str, Any]:
    rules: dict[str, Any] = {"trigger": draw(st.sampled_from(TRIGGERS))}
    if draw(st.booleans()):
        rules["lead_time"] = draw(st.sampled_from(["PT6H", "P3D", "P20D"]))
    if draw(st.booleans()):
        rules |= {"calendar": EASTER, "on_holiday": draw(st.sampled_from(["skip", "before", "after"]))}
    if draw(st.booleans()):
        rules["skip_every"] = draw(st.integers(2, 4))
    if draw(st.booleans()):
        rules["seasons"] = [{"from": "11-01", "to": "05-15"}]
    if draw(st.booleans()):
        rules |= {"targets": [{"asset_id": PUMP}, {"asset_id": FAN}]}
        rules |= {"per_target": draw(st.sampled_from(["one_order", "route"]))}
    return rules


looks = st.lists(st.integers(0, int((HORIZON - utc(BORN)) / timedelta(minutes=7))), max_size=25)


changes = st.fixed_dictionaries(
    {}, optional={"trigger": st.sampled_from(TRIGGERS), "lead_time": st.sampled_from(["PT1H", "P30D"])}
)


@settings(max_examples=120, deadline=None)
@given(asked(), changes, looks)
def test_looks_at_any_times_bring_what_the_preview_shows(
    rules: dict[str, Any], later: dict[str, Any], at: list[int]
) -> None:
    life = Life(rules.pop("trigger"), at=BORN, **rules)
    start = utc(BORN)
    if later:
        life.revise(BORN, "2026-04-15T12:00", **later)
    ahead = list(preview(life.plan, life.calendar, start, HORIZON + 40 * DAY, now=start))
    due = [one for one in ahead if one[1].generate_at <= HORIZON]
    shown = {(lane, one.occurrence, one.due_at) for lane, one in due if one.skipped is None}

    # Later looks may come before earlier ones: that is a clock set back.
    for minutes in at:
        life.look(start + timedelta(minutes=7 * minutes))
    life.catch_up(HORIZON)

    brought = [(one.lane, one.occurrence.occurrence, one.occurrence.due_at) for one in life.opened]
    assert set(brought) == shown
    assert len(brought) == len(shown)
    assert len({one.work_order_id for one in life.opened}) == len(life.opened)
    left_out = {(one.occurrence, one.code) for one in life.skipped}
    told = {(one.occurrence, one.skipped.code) for _, one in due if one.skipped}
    assert left_out == told


@settings(max_examples=40, deadline=None)
@given(asked(), looks)
def test_looks_when_it_is_due_bring_the_same_as_looks_at_any_times(
    rules: dict[str, Any], at: list[int]
) -> None:
    trigger = rules.pop("trigger")
    punctual, whenever = (Life(trigger, at=BORN, **rules) for _ in range(2))

    punctual.until(HORIZON)
    for minutes in sorted(at):
        whenever.look(utc(BORN) + timedelta(minutes=7 * minutes))
    whenever.catch_up(HORIZON)

    assert identities(punctual.opened) == identities(whenever.opened)
    assert punctual.left_out == whenever.left_out
    assert punctual.plan.lanes == whenever.plan.lanes


kinds = st.sampled_from(["fixed", "floating", "first_of"])
policies = st.sampled_from(["all", "latest", "none"])
happenings = st.lists(
    st.tuples(
        st.sampled_from(["look", "end", "read", "retire"]), st.integers(0, 90 * 24), st.integers(0, 999)
    ),
    max_size=25,
)


@settings(max_examples=200, deadline=None)
@given(asked(), changes, kinds, policies, st.integers(1, 3), happenings)
def test_a_look_leaves_what_working_out_the_plan_anew_gives(
    rules: dict[str, Any],
    later: dict[str, Any],
    kind: str,
    catch_up: str,
    limit: int,
    happened: list[tuple[str, int, int]],
) -> None:
    trigger = rules.pop("trigger")
    if kind == "floating":
        trigger = trigger | {"basis": "floating"}
    if kind == "first_of":
        meter = {"kind": "meter", "meter_id": METER, "every": 100}
        trigger = {"kind": "first_of", "time": trigger, "meter": meter}
    life = Life(trigger, at=BORN, catch_up=catch_up, **rules)
    if kind != "first_of":
        changed = {"trigger": trigger} if kind == "floating" else {}
        life.revise(BORN, "2026-04-15T12:00", **later | changed)

    for what, hours, total in happened:
        now = utc(BORN) + timedelta(hours=hours)
        if what == "end" and life.opened:
            life.end(life.opened[total % len(life.opened)], now.replace(tzinfo=None).isoformat())
        elif what == "read":
            life.plan = by_meter.plan_with_meter_total(life.plan, METER, total=Decimal(total), at=now)
        elif what == "retire":
            life.retired ^= {PUMP}
        life.look(now, limit=limit)

        # A look tells what comes next by what it has unfolded already, where that still holds.
        assert life.plan == refreshed(life.plan, life.calendar, now=now)


def test_a_look_at_a_clock_set_back_brings_nothing_twice() -> None:
    life = Life(every(1, "day", "2026-03-06T08:00"), at=BORN)
    life.look("2026-03-10T12:00")

    life.look("2026-03-08T12:00")
    life.look("2026-03-10T12:05")

    assert life.days == ["2026-03-06", "2026-03-07", "2026-03-08", "2026-03-09", "2026-03-10"]


def test_what_is_due_already_is_never_asked_for_at_an_instant_that_is_past() -> None:
    life = Life(every(1, "day", "2026-03-06T08:00"), at=BORN)

    life.look("2026-06-01T12:00")

    assert len(life.opened) == 50
    assert life.plan.generate_at == utc("2026-06-01T12:00")
