"""docs/adding-a-command.md: its one file makes everything that the page promises."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from pymongo import MongoClient
from pymongo.database import Database

import tasks.work_order
from adapters.mongo import client as mongo
from adapters.mongo import indexes
from adapters.settings.table import ROOT, Settings
from api.app import create_app
from domain.due import DueOrder
from tasks.catalogue import catalogue
from tests.api.asking import running
from tests.api.people import People, Person
from tests.api.stock import order
from tests.docs.pages import Block, blocks
from tests.servers import Servers
from tests.support.drains import Drains
from tests.tasks.fake_work import ident

PAGE = ROOT / "docs" / "adding-a-command.md"
NAME = "work_order.escalate"
MODULE = "tasks.work_order.escalate"


def python_blocks() -> list[Block]:
    """The command, its test, and the schedule."""
    found = [block for block in blocks(PAGE) if block.language == "python"]
    assert len(found) == 3
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The page's first Python block, as the file that the page says."""
    block = python_blocks()[0]
    directory = tmp_path / "work_order"
    directory.mkdir()
    written = directory / "escalate.py"
    written.write_text(block.text)
    return written


@pytest.fixture(autouse=True)
def added(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if the file lay beside the other commands; the catalogue is told nothing."""
    monkeypatch.setattr(tasks.work_order, "__path__", [*tasks.work_order.__path__, str(file.parent)])
    catalogue.cache_clear()
    yield
    catalogue.cache_clear()
    sys.modules.pop(MODULE, None)
    vars(tasks.work_order).pop("escalate", None)


@pytest.fixture
def house(servers: Servers) -> Iterator[MongoClient[Any]]:
    with mongo.client(servers.mongo_uri) as client:
        yield client


@pytest.fixture
def store(house: MongoClient[Any], database_name: str) -> Database[Any]:
    indexes.create(house[database_name])
    return house[database_name]


@pytest.fixture
def drains(house: MongoClient[Any], store: Database[Any]) -> Drains:
    return Drains(house, store.name, catalogue())


async def escalate(web: httpx.AsyncClient, person: Person, order_id: str, **more: Any) -> httpx.Response:
    body = {"work_order_id": order_id, "reason": "it leaks"} | more
    return await web.post(f"/api/commands/{NAME}", json=body, headers=person.sends())


async def receipt(web: httpx.AsyncClient, person: Person, accepted: httpx.Response) -> Any:
    assert accepted.status_code == 202, accepted.text
    return (await web.get(accepted.headers["location"], headers=person.auth)).json()


async def test_the_command_is_accepted_and_applied(
    drains: Drains, settings: Settings, store: Database[Any], people: People
) -> None:
    planner = people.add("planner")
    technician, colleague = people.add("technician"), people.add("technician")
    made = order(store, planner.tenant_id, 1, priority="high", assignee_ids=[technician.id])
    async with running(create_app(settings)) as web:
        first = await escalate(web, technician, made["id"])
        second = await escalate(web, technician, made["id"])
        third = await escalate(web, colleague, made["id"])
        drains.drain((planner.tenant_id, f"work_order:{made['id']}"))

        applied, refused = [await receipt(web, technician, sent) for sent in (first, second)]
        not_theirs = await receipt(web, colleague, third)
        seen = await web.get(f"/api/work-orders/{made['id']}", headers=planner.auth)

    assert applied["state"] == "applied"
    assert [event["type"] for event in applied["events"]] == ["work_order.escalated"]
    assert (refused["state"], refused["error"]["code"]) == ("rejected", "already_critical")
    assert (not_theirs["state"], not_theirs["error"]["code"]) == ("rejected", "not_assigned")
    assert (seen.json()["priority"], seen.json()["version"]) == ("critical", 2)


async def test_the_door_refuses_what_the_page_says_it_does(
    settings: Settings, store: Database[Any], people: People
) -> None:
    made = order(store, people.tenant_id, 1)
    viewer, technician = people.add("viewer"), people.add("technician")
    async with running(create_app(settings)) as web:
        not_permitted = await escalate(web, viewer, made["id"])
        unknown_field = await escalate(web, technician, made["id"], urgent=True)
        no_reason = await escalate(web, technician, made["id"], reason=" ")

    assert not_permitted.status_code == 403
    assert [fault["path"] for fault in unknown_field.json()["errors"]] == ["/urgent"]
    assert [fault["path"] for fault in no_reason.json()["errors"]] == ["/reason"]
    assert store["commands"].count_documents({}) == 0


async def test_openapi_and_catalogue_know_it(
    settings: Settings, store: Database[Any], people: People
) -> None:
    indexes.create(store)
    viewer = people.add("viewer")
    async with running(create_app(settings)) as web:
        described = (await web.get("/api/openapi.json")).json()["paths"][f"/api/commands/{NAME}"]["post"]
        listed = (await web.get("/api/commands/catalogue", headers=viewer.auth)).json()["items"]

    (row,) = [row for row in listed if row["type"] == NAME]
    assert described["operationId"] == NAME
    assert described["summary"] == row["summary"] == "Raise an order's priority by one step."
    assert (row["permission"], row["allowed"], row["touches"]) == ("workorders.execute", False, ["priority"])


def test_the_sample_test_passes_as_it_is_written(tmp_path: Path, file: Path) -> None:
    sample = tmp_path / "test_escalate.py"
    sample.write_text(python_blocks()[1].text)
    config = str(ROOT / "pyproject.toml")
    run = f"""
import sys
import pytest
import tasks.work_order

tasks.work_order.__path__.append({str(file.parent)!r})
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-c", {config!r}, {str(sample)!r}]))
"""

    done = subprocess.run([sys.executable, "-c", run], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def test_the_schedule_requests_commands_that_are_accepted_once_a_day() -> None:
    written: dict[str, Any] = {}
    exec(python_blocks()[2].text, written)  # noqa: S102 - the page's own block
    schedule, slot = written["SCHEDULE"], datetime(2026, 3, 2, 5, tzinfo=UTC)
    due = OneOrderDue()

    (first,), (again,), (tomorrow,) = (
        list(schedule.requests(due, at, at + timedelta(minutes=1)))
        for at in (slot, slot, slot + timedelta(days=1))
    )

    assert first.key == again.key != tomorrow.key
    msgspec.convert(first.payload, catalogue()[first.type].payload)
    assert schedule.rule.last(slot + timedelta(hours=1)) == slot


class OneOrderDue:
    """A store in which one order is due."""

    def orders(self, now: datetime) -> Iterator[DueOrder]:
        yield DueOrder("t", ident(1), now)


def test_the_file_passes_the_linter(file: Path) -> None:
    ruff = [str(ROOT / ".venv" / "bin" / "ruff"), "check", "--stdin-filename", "tasks/work_order/escalate.py"]
    done = subprocess.run(
        [*ruff, "-"], input=file.read_text(), cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout
