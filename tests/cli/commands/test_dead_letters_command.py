"""`./millwright dead-letters`: the same acts as by HTTP, by the same code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database
from typer.testing import CliRunner

from adapters.mongo.client import Document
from adapters.settings.table import Settings
from cli.commands import dead_letters
from cli.stop import Stop
from tasks.catalogue import catalogue
from tests.api.commands.test_tracking import ORDER, settle
from tests.api.people import People, Person
from tests.support.seeds import Seeds


@pytest.fixture
def millwright(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setattr(dead_letters, "from_environment", lambda: settings)
    return CliRunner()


def dead(store: Database[Any], planner: Person) -> str:
    seeds = Seeds(store, catalogue(), planner.tenant_id)
    command_id: str = seeds.accept("work_order.create", **ORDER)["_id"]
    settle(store, command_id, "dead", {"code": "internal_error", "message": "m", "traceback": "Traceback: x"})
    return command_id


def stored(store: Database[Any], command_id: str) -> Document:
    found = store["commands"].find_one({"_id": command_id})
    assert found is not None
    return dict(found)


def test_a_dead_letter_is_listed_shown_and_replayed_with_a_reason(
    millwright: CliRunner, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    command_id = dead(store, planner)

    listed = millwright.invoke(dead_letters.app, ["list", "--tenant", planner.tenant_id])
    shown = millwright.invoke(dead_letters.app, ["show", command_id])
    replayed = millwright.invoke(dead_letters.app, ["replay", command_id, "--reason", "fixed"])

    assert listed.exit_code == shown.exit_code == replayed.exit_code == 0, replayed.output
    assert command_id in listed.output
    assert "Traceback: x" in shown.output
    assert stored(store, command_id)["state"] == "accepted"
    (act,) = store["operator_actions"].find({"subject": command_id})
    assert (act["act"], act["reason"], act["actor"]["via"]) == ("dead_letter.replay", "fixed", "cli")


def test_a_list_that_ends_at_its_limit_says_that_there_is_more(
    millwright: CliRunner, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    ids = [dead(store, planner) for _ in range(2)]
    asked = ["list", "--tenant", planner.tenant_id, "--limit"]

    cut = millwright.invoke(dead_letters.app, [*asked, "1"])
    whole = millwright.invoke(dead_letters.app, [*asked, "2"])

    assert [id in cut.stdout for id in ids] == [False, True]
    assert "more than these 1" in cut.stderr
    assert all(id in whole.stdout for id in ids)
    assert whole.stderr == ""


def test_a_discard_twice_is_refused_with_a_line(
    millwright: CliRunner, people: People, store: Database[Any]
) -> None:
    command_id = dead(store, people.add("planner"))
    arguments = ["discard", command_id, "--reason", "nobody needs it"]

    first, second = (millwright.invoke(dead_letters.app, arguments) for _ in range(2))

    assert first.exit_code == 0, first.output
    assert isinstance(second.exception, Stop)
    assert "discarded, not dead" in str(second.exception)


def test_another_payload_needs_somebody_who_may_send_it(
    millwright: CliRunner, people: People, store: Database[Any], tmp_path: Path
) -> None:
    command_id, file = dead(store, people.add("planner")), tmp_path / "payload.json"
    file.write_text(json.dumps(ORDER | {"title": "A better title"}))
    start = ["replay", command_id, "--reason", "typo", "--payload", str(file)]
    admin, operator = people.add("admin"), people.add("operator")

    nobody = millwright.invoke(dead_letters.app, start)
    too_little = millwright.invoke(dead_letters.app, [*start, "--as", operator.document["email"]])
    done = millwright.invoke(dead_letters.app, [*start, "--as", admin.document["email"]])

    assert "--as" in str(nobody.exception)
    assert "workorders.write" in str(too_little.exception)
    assert done.exit_code == 0, done.output
    assert stored(store, command_id)["state"] == "superseded"
    new = store["commands"].find_one({"tenant_id": admin.tenant_id, "origin.via": "operator"})
    assert new is not None
    assert new["origin"]["user_id"] == admin.id


def test_another_payload_is_judged_as_at_the_door(
    millwright: CliRunner, people: People, store: Database[Any], tmp_path: Path
) -> None:
    command_id, file = dead(store, people.add("planner")), tmp_path / "payload.json"
    login = people.add("admin").document["email"]
    start = ["replay", command_id, "--reason", "typo", "--payload", str(file), "--as", login]

    refusals = []
    for payload in (ORDER | {"description": "a \ud800 half"}, ORDER | {"title": ""}):
        file.write_text(json.dumps(payload))
        refusals.append(millwright.invoke(dead_letters.app, start).exception)

    assert all(isinstance(refusal, Stop) for refusal in refusals)
    assert "/description" in str(refusals[0])
    assert "title" in str(refusals[1])
    assert stored(store, command_id)["state"] == "dead"
