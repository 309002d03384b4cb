"""Days without a signal come back over a bad network while processes are killed on both sides of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from adapters.mongo import client as mongo
from adapters.mongo import indexes
from tests.convergence.truth import Truth
from tests.convergence.world import Trouble, Weather, World, planned
from tests.support.processes import Processes, processes
from tests.torture.story import check_target

BOUNDED = Weather(
    devices=6, per_device=25, walkers=2, workers=1, bad=0.4, kill_every_s=0.7, calm_within_s=240
)
LONG = Weather(
    devices=50, per_device=200, walkers=10, workers=2, bad=0.4, kill_every_s=0.7, calm_within_s=300
)


@pytest.fixture
def db(mongo_uri: str, database_name: str) -> Iterator[Database[Any]]:
    with mongo.client(mongo_uri) as client:
        made = client[database_name]
        indexes.create(made)
        yield made
        # What killed processes left open would hold up the database's end until it expires.
        client.admin.command("killAllSessions", [])


@pytest.fixture
def crew(db: Database[Any], mongo_uri: str, redis_url: str, tmp_path: Path) -> Iterator[Processes]:
    with processes(db, mongo_uri, redis_url, tmp_path) as made:
        yield made


def brave(weather: Weather, kills: int, db: Database[Any], crew: Processes, path: Path) -> None:
    """The same plan in two tenants: over a perfect network, and in the worst of weathers."""
    plan, trouble = planned(weather, random.Random(11)), Trouble(crew, weather.workers)
    calm = World(plan, replace(weather, bad=0.0), db, "calm", path, trouble.port)
    stormy = World(plan, weather, db, "stormy", path, trouble.port)

    trouble.live(calm, kills=0, chance=random.Random(5))
    trouble.live(stormy, kills=kills, chance=random.Random(5))

    for world in (calm, stormy):
        states = Truth(db, world.tenant).check(world.devices())
        for order in plan.own:
            check_target(db, world.tenant, order)
        print(world.tenant, dict(states))
    assert calm.own_orders() == stormy.own_orders()
    assert len(calm.own_orders()) == len(plan.own)


def test_what_one_device_alone_has_done_does_not_depend_on_the_network(
    db: Database[Any], crew: Processes, tmp_path: Path
) -> None:
    brave(BOUNDED, 8, db, crew, tmp_path)


@pytest.mark.torture
def test_fifty_devices_converge_over_a_bad_network_while_processes_die(
    db: Database[Any], crew: Processes, tmp_path: Path
) -> None:
    brave(LONG, 80, db, crew, tmp_path)
