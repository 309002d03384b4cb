"""When an asset was down: spans that never overlap."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.assets.asset import Asset
from domain.assets.downtime import REMEMBERED, Downtime
from domain.errors import Rejected
from domain.time.instants import rfc3339
from tests.tasks.fake_work import NOON, FakeWork, World
from tests.tasks.planning import PUMP, ask, plant
from tests.tasks.test_meter import TECHNICIAN

HOUR = timedelta(hours=1)


def down(world: World, since: int, until: int | None = None, *, cause: str = "bearing") -> FakeWork:
    """In hours from noon."""
    payload = {"asset_id": PUMP, "from": at(since), "cause": cause}
    to = {} if until is None else {"to": at(until)}
    return ask(world, "asset.downtime.set", TECHNICIAN, **payload, **to)


def at(hours: int) -> str:
    return rfc3339(NOON + hours * HOUR)


def pump(world: World) -> Asset:
    return world.get(Asset, PUMP)


def spans(world: World) -> list[tuple[float, float | None]]:
    """As the ledger has them."""
    rows = [row for row in world.ledger(pump(world)) if isinstance(row, Downtime)]
    return sorted((hours(row.since), hours(row.until) if row.until else None) for row in rows)


def hours(moment: datetime) -> float:
    return (moment - NOON) / HOUR


@pytest.fixture
def world() -> World:
    world = plant()
    world.now = NOON + 10_000 * HOUR
    return world


def refused(world: World, since: int, until: int | None = None) -> str:
    with pytest.raises(Rejected) as caught:
        down(world, since, until)
    return caught.value.code


def test_an_asset_is_down_until_the_same_beginning_gets_its_end(world: World) -> None:
    down(world, 5)
    since = pump(world).down_since

    done = down(world, 5, 8, cause="bearing, replaced")

    assert (since, pump(world).down_since) == (NOON + 5 * HOUR, None)
    assert spans(world) == [(5, 8)]
    [(name, said)] = done.events
    assert (name, said["cause"]) == ("asset.downtime_set", "bearing, replaced")
    assert (said["from"], said["to"]) == (NOON + 5 * HOUR, NOON + 8 * HOUR)


@pytest.mark.parametrize(("since", "until"), [(4, 6), (7, 9), (4, 9), (6, 7), (7, None), (3, None)])
def test_downtimes_do_not_overlap(world: World, since: int, until: int | None) -> None:
    down(world, 5, 8)

    assert refused(world, since, until) == "downtime_overlaps"


def test_one_downtime_may_begin_where_another_ends(world: World) -> None:
    down(world, 5, 8)
    down(world, 8)
    down(world, 3, 5)

    assert spans(world) == [(3, 5), (5, 8), (8, None)]
    assert pump(world).down_since == NOON + 8 * HOUR


def test_nothing_is_down_again_while_it_is_down(world: World) -> None:
    down(world, 5)

    assert refused(world, 6) == "downtime_overlaps"
    assert refused(world, 6, 7) == "downtime_overlaps"


def test_the_same_said_twice_is_said_once(world: World) -> None:
    down(world, 5, 8)
    version = pump(world).version

    again = down(world, 5, 8)

    assert (again.events, pump(world).version, len(spans(world))) == ([], version, 1)


def test_a_downtime_ends_after_it_begins_and_neither_is_to_come(world: World) -> None:
    assert refused(world, 5, 5) == "downtime_ends_before_it_begins"
    assert refused(world, 10_001) == "downtime_in_future"
    assert refused(world, 9_999, 10_001) == "downtime_in_future"


def test_an_asset_remembers_a_bounded_number_and_refuses_what_it_cannot_judge(world: World) -> None:
    for n in range(REMEMBERED + 2):
        down(world, 2 * n, 2 * n + 1)

    assert len(pump(world).downtimes.latest) == REMEMBERED
    assert len(spans(world)) == REMEMBERED + 2
    assert refused(world, 2, 3) == "downtime_too_old"
    down(world, 3, 4)


edges = st.integers(0, 30)


@given(st.lists(st.tuples(edges, edges | st.none()), max_size=12))
def test_whatever_is_set_no_hour_is_down_twice(asked: list[tuple[int, int | None]]) -> None:
    world = plant()
    world.now = NOON + 100 * HOUR

    for since, until in asked:
        try:
            down(world, since, until)
        except Rejected:
            continue

    known = spans(world)
    assert all(until is not None and until <= after for (_, until), (after, _) in pairwise(known))
    open_since = [since for since, until in known if until is None]
    down_since = pump(world).down_since
    assert open_since == ([] if down_since is None else [hours(down_since)])
