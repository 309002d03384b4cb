"""Meters: what readings add up to, in whatever order and however often they come."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.assets.meter import MOST_PLANS, Meter, Reading
from domain.errors import Missing, Rejected
from domain.identity.actor import Actor
from domain.identity.permissions import granted
from domain.time.instants import rfc3339
from tests.tasks.fake_work import NOON, FakeWork, World, ident
from tests.tasks.planning import PUMP, SYSTEM, ask, plant

TECHNICIAN = Actor(tenant_id="demo", user_id=ident(3), granted=granted(("technician",)))
METER, PLAN = ident(700), ident(400)
HOUR = timedelta(hours=1)


def metered(**fields: Any) -> World:
    world = plant()
    ask(world, "meter.create", **{"id": METER, "asset_id": PUMP, "name": "Hours", "unit": "h", **fields})
    world.now = NOON + 1000 * HOUR
    return world


def read(
    world: World, value: str, *, after: float = 0, kind: str = "reading", at: datetime | None = None
) -> FakeWork:
    """`after` so many hours from noon."""
    read_at = rfc3339(at or NOON + after * HOUR)
    return ask(
        world, "meter.reading.record", TECHNICIAN, meter_id=METER, value=value, read_at=read_at, kind=kind
    )


def meter(world: World) -> Meter:
    return world.get(Meter, METER)


def counted(world: World) -> list[Any]:
    """The total, and what the display showed last."""
    return [meter(world).total, meter(world).last_value]


def rows(world: World) -> list[Reading]:
    return [row for row in world.ledger(meter(world)) if isinstance(row, Reading)]


def refused(world: World, value: str, **more: Any) -> Rejected:
    with pytest.raises(Rejected) as caught:
        read(world, value, **more)
    return caught.value


def test_the_total_follows_the_readings() -> None:
    world = metered()

    read(world, "1200.5", after=1)
    done = read(world, "1250", after=2)

    assert counted(world) == [Decimal("1250"), Decimal(1250)]
    assert meter(world).last_read_at == NOON + 2 * HOUR
    assert [(row.value, row.total, row.late) for row in rows(world)] == [
        (Decimal("1200.5"), Decimal("1200.5"), False),
        (Decimal(1250), Decimal(1250), False),
    ]
    [(name, said)] = done.events
    assert name == "meter.reading_recorded"
    assert (said["value"], said["total"], said["late"]) == ("1250", "1250", False)


def test_a_meter_belongs_to_an_asset_that_exists() -> None:
    with pytest.raises(Missing) as caught:
        ask(plant(), "meter.create", id=METER, asset_id=ident(9), name="Hours", unit="h")

    assert (caught.value.code, caught.value.path) == ("unknown_asset", "asset_id")


def test_a_lower_reading_is_refused_and_says_what_to_do_instead() -> None:
    world = metered()
    read(world, "500", after=1)

    why = refused(world, "499", after=2)

    assert (why.code, why.path, why.params["last"]) == ("reading_below_last", "value", "500")
    assert "reset" in why.message
    assert "rollover" in why.message
    assert meter(world).total == 500


def test_a_reset_begins_anew_and_keeps_the_total() -> None:
    world = metered()
    read(world, "500", after=1)

    read(world, "3", after=2, kind="reset")
    read(world, "10", after=3)

    assert counted(world) == [507, 10]


def test_a_meter_that_begins_with_a_reset_counts_from_what_it_shows() -> None:
    world = metered()

    read(world, "8000", after=1, kind="reset")
    read(world, "8010", after=2)

    assert meter(world).total == 10


def test_a_rollover_counts_to_the_end_of_the_display_and_on() -> None:
    world = metered(rollover_at="10000")
    read(world, "9990", after=1)

    read(world, "15", after=2, kind="rollover")

    assert counted(world) == [10015, 15]


def test_a_rollover_needs_a_meter_that_rolls_over_and_a_reading_before_it() -> None:
    plain, rolling = metered(), metered(rollover_at=1000)

    assert refused(plain, "5", kind="rollover").code == "no_rollover"
    assert refused(rolling, "5", kind="rollover").code == "no_reading_yet"


@pytest.mark.parametrize("kind", ["reading", "reset", "rollover"])
def test_no_display_shows_what_it_rolls_over_at(kind: str) -> None:
    world = metered(rollover_at="1000")
    read(world, "999.9999", after=1)

    assert refused(world, "1000", after=2, kind=kind).code == "beyond_rollover"


@pytest.mark.parametrize("kind", ["reading", "reset", "rollover"])
def test_a_negative_reading_is_refused(kind: str) -> None:
    assert refused(metered(rollover_at=1000), "-0.1", kind=kind).code == "negative_reading"


def test_a_duplicate_is_applied_and_changes_nothing() -> None:
    world = metered()
    read(world, "500", after=1)
    before = meter(world)

    again = read(world, "500.00", after=1)

    assert (meter(world), len(rows(world))) == (before, 1)
    assert (again.events, again.follow_ups, again.warnings) == ([], [], [])


def test_a_reset_sent_twice_loses_nothing_that_was_counted_between() -> None:
    world = metered()
    read(world, "500", after=1)
    read(world, "0", after=2, kind="reset")
    read(world, "40", after=3)

    read(world, "0", after=2, kind="reset")

    assert counted(world) == [540, 40]


def test_a_backdated_reading_is_kept_and_changes_no_total() -> None:
    world = metered()
    read(world, "100", after=1)
    read(world, "300", after=3)

    done = read(world, "200", after=2)

    assert counted(world) == [300, 300]
    assert (rows(world)[-1].late, rows(world)[-1].total) == (True, Decimal(300))
    assert done.warnings == []


@pytest.mark.parametrize(
    ("value", "kind"), [("99", "reading"), ("301", "reading"), ("0", "reset"), ("5", "rollover")]
)
def test_an_out_of_order_reading_that_its_neighbours_contradict_is_kept_with_a_warning(
    value: str, kind: str
) -> None:
    world = metered(rollover_at=1000)
    read(world, "100", after=1)
    read(world, "300", after=3)

    done = read(world, value, after=2, kind=kind)

    assert [code for code, _, _ in done.warnings] == ["out_of_order_mismatch"]
    assert (counted(world)[0], len(rows(world))) == (300, 3)


def test_before_a_reset_a_late_reading_may_be_higher_than_what_came_after() -> None:
    world = metered()
    read(world, "100", after=1)
    read(world, "0", after=3, kind="reset")

    assert read(world, "900", after=2).warnings == []


def test_a_reading_is_of_the_time_when_the_work_was_done_unless_it_says_when() -> None:
    world = metered()
    ask(world, "meter.reading.record", TECHNICIAN, meter_id=METER, value="7")

    assert meter(world).last_read_at == world.now


def test_a_clock_that_is_a_little_ahead_reads_now_and_one_far_ahead_is_refused() -> None:
    world = metered()

    read(world, "5", at=world.now + timedelta(minutes=5))

    assert meter(world).last_read_at == world.now
    assert refused(world, "6", at=world.now + timedelta(minutes=6)).code == "read_in_future"
    assert read(world, "5", at=world.now + timedelta(minutes=5)).events == []


def test_the_unit_of_a_meter_never_changes() -> None:
    """There is no command that could: another unit is another meter."""
    world = metered()

    with pytest.raises(Rejected, match="there is a meter"):
        ask(world, "meter.create", id=METER, asset_id=PUMP, name="Hours", unit="min")

    assert meter(world).unit == "h"


def test_each_attached_plan_hears_of_what_is_read_in_time_and_of_nothing_late() -> None:
    world = metered()
    ask(world, "meter.attach_plan", SYSTEM, meter_id=METER, plan_id=PLAN)

    in_time = read(world, "10", after=2)
    late = read(world, "5", after=1)

    heard = {"plan_id": PLAN, "meter_id": METER, "total": "10", "read_at": rfc3339(NOON + 2 * HOUR)}
    assert in_time.follow_ups == [("plan.meter_check", heard, f"plan:{PLAN}")]
    assert late.follow_ups == []


def test_attaching_tells_the_total_to_begin_with_and_detaching_ends_it() -> None:
    world = metered()
    read(world, "10", after=1)

    first = ask(world, "meter.attach_plan", SYSTEM, meter_id=METER, plan_id=PLAN)
    again = ask(world, "meter.attach_plan", SYSTEM, meter_id=METER, plan_id=PLAN)
    attached = meter(world).plans
    ask(world, "meter.detach_plan", SYSTEM, meter_id=METER, plan_id=PLAN)

    assert (attached, meter(world).plans) == ((PLAN,), ())
    assert [payload["total"] for _, payload, _ in first.follow_ups + again.follow_ups] == ["10", "10"]


def test_a_meter_serves_a_bounded_number_of_plans() -> None:
    world = metered()
    for n in range(MOST_PLANS):
        ask(world, "meter.attach_plan", SYSTEM, meter_id=METER, plan_id=ident(1000 + n))

    with pytest.raises(Rejected, match="at most"):
        ask(world, "meter.attach_plan", SYSTEM, meter_id=METER, plan_id=PLAN)


anything = st.lists(
    st.tuples(
        st.integers(-5, 999).map(str), st.integers(0, 40), st.sampled_from(["reading", "reset", "rollover"])
    ),
    max_size=15,
)


@given(anything)
def test_whatever_is_recorded_the_total_never_falls(readings: list[tuple[str, int, str]]) -> None:
    world, before = metered(rollover_at=1000), Decimal(0)

    for value, after, kind in readings:
        try:
            read(world, value, after=after, kind=kind)
        except Rejected:
            continue
        assert meter(world).total >= before
        before = meter(world).total


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=8).map(sorted), st.randoms(use_true_random=False))
def test_readings_of_a_rising_meter_give_the_same_total_in_any_order(values: list[int], chance: Any) -> None:
    world = metered()
    sent = list(enumerate(values))
    chance.shuffle(sent)

    warned = [code for after, value in sent for code, _, _ in read(world, str(value), after=after).warnings]

    assert (counted(world)[0], warned) == (values[-1], [])
    assert len(rows(world)) == len(values)
