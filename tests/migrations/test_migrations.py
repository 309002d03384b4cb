"""Migrations: numbered, recorded, reversible, and never quietly different from what was applied."""

import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database
from rich.console import Console

import migrations
from adapters.mongo import indexes
from adapters.mongo.indexes import INDEXES
from adapters.process.clock import SystemClock
from cli.commands.migrate import LEASE, migrate
from cli.stop import Stop
from locks.lease import Leases
from migrations import runner
from migrations.steps import Step, discover

Document = dict[str, Any]


def step(number: int) -> Step:
    """A step whose change can be seen in the collection `seen`."""
    return Step(
        number=number,
        name=f"step_{number}",
        checksum=f"sum {number}",
        up=lambda db: db.seen.insert_one({"_id": number}),
        down=lambda db: db.seen.delete_one({"_id": number}),
    )


STEPS = [step(1), step(2), step(3)]


def go(db: Database[Document], steps: list[Step], *, to: int | None = None) -> list[str]:
    moves = runner.plan(steps, runner.recorded(db), to=to)
    runner.run(db, moves, SystemClock(), report=lambda _move, _ms: None)
    return [str(move) for move in moves]


def seen(db: Database[Document]) -> list[int]:
    return [found["_id"] for found in db.seen.find().sort("_id")]


def test_steps_run_in_order_once_and_are_recorded(database: Database[Document]) -> None:
    assert go(database, STEPS) == ["up 0001 step_1", "up 0002 step_2", "up 0003 step_3"]
    assert go(database, STEPS) == []

    assert seen(database) == [1, 2, 3]
    record = runner.recorded(database)[2]
    assert (record["name"], record["checksum"]) == ("step_2", "sum 2")
    assert record["duration_ms"] >= 0


def test_a_lower_number_takes_the_newer_ones_down_newest_first(database: Database[Document]) -> None:
    go(database, STEPS)

    assert go(database, STEPS, to=1) == ["down 0003 step_3", "down 0002 step_2"]

    assert seen(database) == [1]
    assert list(runner.recorded(database)) == [1]


def test_an_applied_step_that_was_edited_stops_everything(database: Database[Document]) -> None:
    go(database, STEPS, to=1)

    with pytest.raises(runner.Refused, match="0001 step_1 was changed after it was applied"):
        go(database, [replace(STEPS[0], checksum="another"), *STEPS[1:]])

    assert seen(database) == [1]


def test_a_database_of_a_newer_version_is_refused(database: Database[Document]) -> None:
    go(database, STEPS)

    with pytest.raises(runner.Refused, match="has migration 0003 step_3, which this version does not"):
        go(database, STEPS[:2])


def test_an_unknown_number_is_refused(database: Database[Document]) -> None:
    with pytest.raises(runner.Refused, match="no migration 9: the newest is 3"):
        go(database, STEPS, to=9)


def test_a_step_that_fails_leaves_no_record_and_is_made_again(database: Database[Document]) -> None:
    def fails(_db: Database[Document]) -> None:
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        go(database, [STEPS[0], replace(STEPS[1], up=fails)])
    assert list(runner.recorded(database)) == [1]

    assert go(database, STEPS[:2]) == ["up 0002 step_2"]


def test_the_projects_own_steps_go_up_and_down_and_up(database: Database[Document]) -> None:
    steps = discover(migrations)

    go(database, steps)
    made = {(collection, name) for collection, _, name in _indexes(database)}
    go(database, steps, to=0)
    left = [name for _, _, name in _indexes(database) if name != "_id_"]
    go(database, steps)

    assert {(collection, options["name"]) for collection, _, options in INDEXES} <= made
    assert left == []


def test_commands_that_the_newer_release_does_not_know_stop_its_migration(
    database: Database[Document],
) -> None:
    steps = discover(migrations)
    go(database, steps, to=5)
    database.commands.insert_one({"_id": "c", "type": "notice.open", "active": True, "tenant_id": "t"})

    with pytest.raises(runner.Refused, match="let workers of the release before finish"):
        go(database, steps)

    database.commands.update_one({"_id": "c"}, {"$unset": {"active": 1}})
    assert go(database, steps, to=6) == ["up 0006 created_with"]


def test_an_index_that_has_changed_is_made_anew_and_back(database: Database[Document]) -> None:
    steps = discover(migrations)
    go(database, steps, to=7)
    assert go(database, steps, to=6) == ["down 0007 fewer_indexes"]
    before = database.work_orders.index_information()

    assert go(database, steps, to=7) == ["up 0007 fewer_indexes"]

    after = database.work_orders.index_information()
    assert before.keys() - after.keys() == {"work_of_teams", "of_calendar"}
    assert after["work_of"]["key"] == [*before["work_of"]["key"], ("team_id", 1)]
    go(database, steps, to=6)
    assert database.work_orders.index_information() == before


def test_a_dry_run_says_and_changes_nothing(database: Database[Document]) -> None:
    said = io.StringIO()

    migrate(database, SystemClock(), Console(file=said), dry_run=True)

    assert "would go up 0001 indexes" in said.getvalue()
    assert database.list_collection_names() == []


def test_two_do_not_migrate_one_database_at_once(database: Database[Document]) -> None:
    clock = SystemClock()
    leases = Leases(database["leases"], monotonic=clock.monotonic, new_owner=lambda: "another")
    lease = leases.acquire(LEASE, ttl=timedelta(seconds=30))
    assert lease is not None

    with pytest.raises(Stop, match="Another one migrates"):
        migrate(database, clock, Console(file=io.StringIO()))
    assert runner.recorded(database) == {}

    leases.release(lease)
    migrate(database, clock, Console(file=io.StringIO()))
    assert 1 in runner.recorded(database)


def test_every_step_gives_the_indexes_that_its_release_had(database: Database[Document]) -> None:
    states = json.loads((Path(__file__).parent / "index_states.json").read_text(encoding="utf-8"))
    steps = discover(migrations)

    for number in [*range(1, len(steps) + 1), *reversed(range(len(steps)))]:
        go(database, steps, to=number)
        assert _specifications(database) == states[str(number)], f"after --to {number}"


def test_the_newest_step_gives_the_list_that_the_code_stands_on(database: Database[Document]) -> None:
    go(database, discover(migrations))
    migrated = _specifications(database)
    for collection in migrated:
        database[collection].drop()

    indexes.create(database)

    assert _specifications(database) == migrated


def _specifications(db: Database[Document]) -> dict[str, list[Document]]:
    """The indexes of each collection but `_id_`, sorted by name, without those of the runner."""
    found = {
        collection: sorted(
            (
                {key: value for key, value in index.items() if key not in ("v", "key")}
                | {"key": [list(pair) for pair in index["key"].items()]}
                for index in db[collection].list_indexes()
                if index["name"] != "_id_"
            ),
            key=lambda index: str(index["name"]),
        )
        for collection in db.list_collection_names()
        if collection != runner.COLLECTION
    }
    return {collection: rows for collection, rows in sorted(found.items()) if rows}


def _indexes(db: Database[Document]) -> list[tuple[str, Any, str]]:
    return [
        (collection, index["key"], index["name"])
        for collection in db.list_collection_names()
        for index in db[collection].list_indexes()
    ]
