"""A year of plans by real schedulers and workers that are killed, stopped, and told the wrong time."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from adapters.mongo import client as mongo
from adapters.mongo import indexes
from adapters.operators.conservation import conservation
from tests.support import seeds
from tests.support.processes import processes
from tests.support.staged import StagedTime
from tests.torture.books import Books, Foreseen
from tests.torture.crew import STEP_S, Crew
from tests.torture.trial import TENANT, Span, Trial

SEED = 7
CLOCKS_DIFFER = timedelta(seconds=2 * STEP_S)

WEEKS = Span(
    plans=60,
    dense=0.9,
    begins="2044-02-26T12:01",  # 29 February, and the change of clocks on both sides of the Atlantic
    lasts=timedelta(days=36),
    stride=timedelta(days=4),
    outages=("killed", "stopped", "stopped"),
    outage=timedelta(days=3),
    lease_s=2.5,
    patience_s=0.8,
    fault_every=2,
    calm_within_s=120,
)
YEAR = Span(
    plans=10_000,
    dense=0.045,
    begins="2043-11-14T12:01",
    lasts=timedelta(days=366),
    stride=timedelta(days=3),
    outages=("ended", "killed", "stopped"),
    outage=timedelta(days=5),
    lease_s=10,
    patience_s=2.5,
    fault_every=3,
    calm_within_s=600,
)


@pytest.fixture
def db(mongo_uri: str, database_name: str) -> Iterator[Database[Any]]:
    with mongo.client(mongo_uri) as client:
        made: Database[Any] = client[database_name]
        indexes.create(made)
        made.users.insert_one(seeds.user(TENANT))
        yield made
        client.admin.command("killAllSessions", [])


def survive(span: Span, db: Database[Any], mongo_uri: str, redis_url: str, directory: Path) -> None:
    """The whole of it."""
    path = directory / "stage.json"
    time = StagedTime(path)
    time.set(span.start, {})
    with processes(db, mongo_uri, redis_url, directory) as started:
        crew = Crew(started, path, span.lease_s, random.Random(SEED))
        crew.begin()
        trial = Trial(span, db, crew, time, SEED)
        plans = trial.plan()
        end = trial.live()

    assert len(plans) == span.plans
    assert db.commands.distinct("state") == ["applied"]
    assert all(row.balanced and not row.active for row in conservation(db, None))
    assert not db.fires.find_one({"state": "running"})
    books = Books(db, TENANT)
    became = Counter[str]()
    for plan in plans:
        calendar = trial.calendars.get(plan.rules.calendar_id or "")
        became += books.check(plan, Foreseen(plan, calendar, end), clocks_differ=CLOCKS_DIFFER)
    orders = db.work_orders.count_documents({})
    print(f"{len(plans)} plans, {orders} orders; {dict(became)}; {dict(crew.told)}")
    assert orders == became["issued"] - became["merged"]
    assert orders == db.events.count_documents({"type": "work_order.created"})
    assert all(became.values()), "a trial that tries nothing"


def test_weeks_of_faults_bring_each_occurrence_that_the_preview_showed_once(
    db: Database[Any], mongo_uri: str, redis_url: str, tmp_path: Path
) -> None:
    survive(WEEKS, db, mongo_uri, redis_url, tmp_path)


@pytest.mark.torture
def test_a_year_of_faults_brings_each_occurrence_that_the_preview_showed_once(
    db: Database[Any], mongo_uri: str, redis_url: str, tmp_path: Path
) -> None:
    survive(YEAR, db, mongo_uri, redis_url, tmp_path)
