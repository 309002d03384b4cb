"""`./millwright deliveries`: the same acts as by HTTP, by the same code."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database
from typer.testing import CliRunner

from adapters.settings.table import Settings
from cli.commands import deliveries
from cli.stop import Stop
from tests.api.operators.test_deliveries import doubtful, stored
from tests.api.people import People


@pytest.fixture
def millwright(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setattr(deliveries, "from_environment", lambda: settings)
    return CliRunner()


def test_what_is_in_doubt_is_listed_and_sent_again_or_settled(
    millwright: CliRunner, people: People, store: Database[Any]
) -> None:
    tech = people.add("technician")
    one, other = doubtful(store, tech), doubtful(store, tech)

    listed = millwright.invoke(deliveries.app, ["list", "--state", "uncertain", "--tenant", tech.tenant_id])
    resent = millwright.invoke(deliveries.app, ["resend", one["_id"], "--reason", "not there"])
    settled = millwright.invoke(
        deliveries.app, ["settle", other["_id"], "--as", "sent", "--reason", "it is there"]
    )

    assert [listed.exit_code, resent.exit_code, settled.exit_code] == [0, 0, 0], settled.output
    lines = listed.output.splitlines()
    assert len(lines) == 3, "a row is a line, uncut, where it is no terminal"
    assert {line.split()[0] for line in lines if one["tenant_id"] in line} == {one["_id"], other["_id"]}
    assert all(tech.document["email"] in line and "worker_lost" in line for line in lines[1:])
    assert (stored(store, one)["state"], stored(store, other)["state"]) == ("pending", "sent")
    (act,) = store["operator_actions"].find({"subject": other["id"]})
    assert (act["act"], act["reason"], act["actor"]["via"]) == ("delivery.settle", "it is there", "cli")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["resend", "t/none", "--reason", "x"], "There is no delivery t/none."),
        (["resend", "t/none", "--reason", " "], "A reason is needed"),
        (["list", "--state", "gone"], "There is no state gone"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    millwright: CliRunner, arguments: list[str], line: str
) -> None:
    done = millwright.invoke(deliveries.app, arguments)

    assert isinstance(done.exception, Stop)
    assert line in str(done.exception)
