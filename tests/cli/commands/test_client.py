"""`./millwright login`, `post`, `get`, `receipt` and `offline`: a person at a running system."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen
from uuid import uuid4

import pytest
from pymongo.database import Database
from typer.testing import CliRunner

from adapters.mongo import client as mongo
from adapters.mongo import indexes
from adapters.settings.table import Settings
from cli.__main__ import build
from cli.embedded.ports import free
from cli.stop import Stop
from tests.api.people import PASSWORD, People, Person, new_id
from tests.servers import Servers
from tests.support.patience import eventually
from tests.support.processes import SECRET, WEB, processes, uri_of

Run = Callable[..., "Done"]


class Running:
    """A web and a worker process, and the address of the former."""

    def __init__(self, db: Database[Any], settings: Settings, url: str) -> None:
        self.people = People(db, settings)
        self.url = url


@pytest.fixture(scope="module")
def running(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory, port = tmp_path_factory.mktemp("client"), free()
    with mongo.client(servers.mongo_uri) as client:
        db = client[f"client_{uuid4().hex[:12]}"]
        indexes.create(db)
        uri = uri_of(servers.mongo_uri, db.name)
        with processes(db, uri, servers.redis_url, directory) as started:
            started.start(*WEB, PORT=str(port))
            started.worker()
            url = f"http://127.0.0.1:{port}"
            eventually(lambda: answers(f"{url}/api/health/ready"), within_s=30, what="the web is ready")
            settings = Settings.load(
                {"MONGO_URI": uri, "REDIS_URL": servers.redis_url, "JWT_SECRET": SECRET}, directory
            )
            yield Running(db, settings, url)
        client.drop_database(db.name)


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture
def planner(running: Running) -> Person:
    return running.people.add("admin")


class Done(NamedTuple):
    """How a call of the command line ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def millwright(running: Running, tmp_path: Path) -> Run:
    """In this process: a new interpreter for each call would take most of the time."""
    env = {"MILLWRIGHT": running.url, "MILLWRIGHT_SESSION": str(tmp_path / "session.json"), "COLUMNS": "40"}
    app = build()

    def run(*argv: str, text: str = "") -> Done:
        result = CliRunner().invoke(app, argv, input=text, env=env)
        if isinstance(result.exception, Stop):
            return Done(1, result.stdout, f"millwright: {result.exception}\n")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return Done(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def signed_in(millwright: Run, planner: Person) -> Run:
    done = millwright("login", planner.document["email"], "--password-stdin", text=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    return millwright


def test_a_session_is_kept_where_only_its_owner_can_read_it(signed_in: Run, tmp_path: Path) -> None:
    file = tmp_path / "session.json"

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PASSWORD not in file.read_text()
    assert signed_in("logout").returncode == 0
    assert not file.exists()
    assert "Nobody is signed in" in signed_in("get", "work-orders").stderr


def test_a_wrong_password_is_one_line_and_leaves_no_session(
    millwright: Run, planner: Person, tmp_path: Path
) -> None:
    done = millwright("login", planner.document["email"], "--password-stdin", text="wrong\n")

    assert done.returncode == 1
    assert done.stderr.startswith("millwright: 401 invalid_credentials: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "session.json").exists()


def test_a_posted_command_is_waited_for_and_its_receipt_is_found_again(signed_in: Run) -> None:
    posted = signed_in(
        "post", "work_order.create", "title=Oil leak", "type=corrective", "priority=high", "--json"
    )
    receipt = json.loads(posted.stdout)
    order_id = receipt["target"].partition(":")[2]
    logged = signed_in(
        *("post", "work_order.labor.log", f"work_order_id={order_id}", "minutes=90", "worked_on=2026-11-02"),
        "kind=regular",
    )
    shown = signed_in("receipt", receipt["command_id"])

    assert receipt["state"] == "applied"
    assert logged.returncode == 0, logged.stderr
    assert f"work_order:{order_id} is applied" in logged.stdout
    assert "work_order.created number=WO-" in shown.stdout


def test_what_is_refused_exits_with_1_and_says_why(signed_in: Run) -> None:
    made = json.loads(
        signed_in(
            *("post", "work_order.create", "title=x", "type=corrective", "priority=low", "--json")
        ).stdout
    )
    refused = signed_in("post", "work_order.close", f"work_order_id={made['target'].partition(':')[2]}")
    misspelled = signed_in("post", "work_order.create", "titel=x")
    no_json = signed_in("post", "work_order.create", "checklist:=[")

    assert refused.returncode == misspelled.returncode == no_json.returncode == 1
    assert "422 invalid_transition" in refused.stderr
    assert "/titel" in misspelled.stderr
    assert "checklist=[ is no JSON" in no_json.stderr
    assert "Traceback" not in refused.stderr + misspelled.stderr + no_json.stderr


def test_the_same_key_is_the_same_command(signed_in: Run) -> None:
    argv = ("post", "asset.create", "name=Pump", "criticality=low", "--key", f"pump-{new_id()}", "--json")

    first, second = json.loads(signed_in(*argv).stdout), json.loads(signed_in(*argv).stdout)

    assert first["command_id"] == second["command_id"]


def test_a_piped_list_cuts_nothing_and_json_has_everything(signed_in: Run) -> None:
    title = "Replace the left bearing of the long conveyor between the second and the third hall"
    signed_in("post", "work_order.create", f"title={title}", "type=corrective", "priority=low")

    listed = signed_in("get", "work-orders", "q=conveyor")
    rows = json.loads(signed_in("get", "work-orders", "q=conveyor", "--json").stdout)
    one = json.loads(signed_in("get", "work-orders", rows[0]["id"]).stdout)

    (line,) = [line for line in listed.stdout.splitlines() if title in line]
    assert rows[0]["id"] in line
    assert one["title"] == rows[0]["title"] == title


def test_a_list_that_ends_at_its_limit_says_so_beside_it(signed_in: Run) -> None:
    for name in ("one", "two", "three"):
        signed_in("post", "asset.create", f"name=Fan {name}", "criticality=low")

    listed = signed_in("get", "assets", "q=Fan", "--limit", "2")

    assert len(listed.stdout.splitlines()) == 3
    assert "There are more than these 2" in listed.stderr


def test_what_was_recorded_offline_counts_once_and_a_conflict_waits_in_the_inbox(
    signed_in: Run, tmp_path: Path
) -> None:
    order = signed_in(
        *("post", "work_order.create", "title=x", "type=safety", "priority=low", "-q")
    ).stdout.strip()
    batch = str(tmp_path / "day.json")
    named = f"work_order_id={order}"
    signed_in("offline", "record", batch, "work_order.start", named, "--base-version", "1")
    recorded = signed_in("offline", "record", batch, "work_order.comment.add", named, "text=in the basement")
    signed_in("post", "work_order.cancel", named, "reason=sold")

    first, second = signed_in("offline", "replay", batch), signed_in("offline", "replay", batch)

    assert recorded.stdout == f"{batch} has 2 actions.\n"
    assert first.stdout.count("accepted") == 2, first.stderr
    assert second.stdout.count("duplicate") == 2
    eventually(
        lambda: (
            "/status was requested / mine in_progress / server cancelled"
            in signed_in("offline", "inbox").stdout
        ),
        within_s=20,
        what="the conflict waits",
    )


def test_a_server_that_is_not_there_is_one_line(millwright: Run, planner: Person) -> None:
    done = millwright(
        *("login", planner.document["email"], "--password-stdin", "--url", "http://127.0.0.1:1"),
        text=f"{PASSWORD}\n",
    )

    assert done.returncode == 1
    assert "http://127.0.0.1:1 does not answer" in done.stderr
    assert "Traceback" not in done.stderr
