"""What is old is forgotten in bounded pages, and nothing that anybody may still need."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from adapters.commands.document import FINAL, State
from adapters.commands.verdict_updates import verdict_update
from adapters.commands.verdicts import Verdict
from adapters.delivery.ledger import STATES
from adapters.mongo import indexes
from adapters.settings.table import Settings
from domain.ids import uuid7
from workers.duties import retention as purge

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEPT = timedelta(days=90)
LONG_AGO = NOW - timedelta(days=200)


def command(db: Database[Any], accepted_at: datetime, state: str, **fields: Any) -> str:
    id = uuid7(accepted_at, len(list(db.commands.find())).to_bytes(10, "big"))
    key = {"scope": "u", "key": id}
    db.commands.insert_one(
        {"_id": id, "tenant_id": "t", "type": "x", "idempotency": key, "state": state, **fields}
    )
    return id


def settled(db: Database[Any], accepted_at: datetime, state: State, **fields: Any) -> str:
    """A command that a worker gave this verdict right after it was accepted."""
    id = command(db, accepted_at, "accepted", active=True, next_at=accepted_at, hint_at=accepted_at)
    verdict = Verdict(command=db.commands.find_one({"_id": id}) or {}, state=state, events=[], **fields)
    db.commands.update_one({"_id": id}, verdict_update(verdict, now=accepted_at, keys_kept=KEPT))
    return id


def left(db: Database[Any]) -> set[str]:
    return {row["_id"] for row in db.commands.find()}


def test_what_ended_long_ago_goes_and_all_else_stays(database: Database[Any]) -> None:
    gone = command(database, LONG_AGO, "applied", purge_at=NOW - timedelta(days=1))
    stays = {
        command(database, LONG_AGO, "applied", purge_at=NOW + timedelta(seconds=1)),
        command(database, LONG_AGO, "dead"),
        command(database, LONG_AGO, "parked", active=True),
        command(database, NOW - timedelta(days=1), "applied", purge_at=NOW + KEPT),
    }

    assert purge.purge_commands(database, NOW, KEPT) == 1

    assert left(database) == stays
    assert gone not in left(database)


def test_no_key_is_forgotten_while_its_command_is_active_or_undecided_however_old(
    database: Database[Any],
) -> None:
    stays = {
        command(database, LONG_AGO, "accepted", active=True),
        settled(database, LONG_AGO, "retrying", next_at=NOW),
        settled(database, LONG_AGO, "parked"),
        settled(database, LONG_AGO, "dead"),
        # Even if something were to leave it a date.
        command(database, LONG_AGO, "accepted", active=True, purge_at=LONG_AGO),
    }

    assert purge.purge_commands(database, NOW, KEPT) == 0
    assert left(database) == stays


@pytest.mark.parametrize("state", [one for one in FINAL if one != "dead"])
def test_a_key_is_remembered_to_its_last_moment_and_not_beyond(database: Database[Any], state: State) -> None:
    settled(database, LONG_AGO, state)
    moment = timedelta(milliseconds=1)

    assert purge.purge_commands(database, LONG_AGO + KEPT - moment, KEPT) == 0
    assert purge.purge_commands(database, LONG_AGO + KEPT + moment, KEPT) == 1


def test_a_long_past_goes_in_bounded_steps(database: Database[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "PAGE", 2)
    for _ in range(5):
        command(database, LONG_AGO, "applied", purge_at=NOW)

    steps = [purge.purge_commands(database, NOW, KEPT) for _ in range(4)]

    assert steps == [2, 2, 1, 0]


def test_who_was_told_what_is_forgotten_after_its_time_unless_it_is_on_its_way_or_in_doubt(
    database: Database[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    indexes.create(database)
    monkeypatch.setattr(purge, "PAGE", 2)
    told = Settings.load({"NOTIFICATION_RETENTION_DAYS": "30"}, tmp_path, servers_needed=False)
    old, young = NOW - timedelta(days=31), NOW - timedelta(days=29)
    for at in (old, young):
        database.deliveries.insert_many({"state": state, "ended_at": at} for state in STATES)
        database.notices.insert_one({"spread_at": at})
        database.fires.insert_many(
            {"schedule": "plans", "slot": at, "ended_at": at, "state": s} for s in FIRE
        )
    database.notices.insert_one({"spread_at": None, "created_at": LONG_AGO})

    pages = [purge.delete_expired(database, told, NOW) for _ in range(3)]

    assert [page["deliveries"] for page in pages] == [2, 1, 0]
    kept = [row["state"] for row in database.deliveries.find({"ended_at": old})]
    assert sorted(kept) == ["pending", "sending", "uncertain"]
    assert database.deliveries.count_documents({"ended_at": young}) == len(STATES)
    assert {row["spread_at"] for row in database.notices.find()} == {None, young.replace(tzinfo=UTC)}
    assert {row["state"] for row in database.fires.find()} == {"running"}


FIRE = ("running", "done")
