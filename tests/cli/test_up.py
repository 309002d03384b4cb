"""`./millwright up`, as a person meets it: real servers, with stand-ins for the three processes."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from adapters.settings.table import ROOT, inherited
from cli.embedded.ports import free
from tests.cli.endings import ended

PROCESSES = ("web", "worker", "scheduler")


class Up:
    """One `up` under test and what it has said so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said = ""

    def until(self, pattern: str) -> re.Match[str]:
        """Reads lines until one matches."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"it ended without saying {pattern!r}:\n{self.said}")

    def until_all(self, patterns: Iterable[str]) -> None:
        """Reads lines until each has matched, in any order."""
        missing = {pattern for pattern in patterns if not re.search(pattern, self.said)}
        while missing:
            line = self.until("|".join(missing)).string
            missing = {pattern for pattern in missing if not re.search(pattern, line)}

    def rest(self) -> str:
        assert self.process.stdout is not None
        self.said += self.process.stdout.read()
        return self.said

    def pid(self, name: str) -> int:
        """Of the process of this name, once it has said so: the others may not have when the web is ready."""
        pattern = rf"^{re.escape(name)}\b.* is process (\d+)"
        return int((re.search(pattern, self.said, re.MULTILINE) or self.until(pattern))[1])

    def pids(self) -> dict[str, int]:
        return {name: int(pid) for name, pid in re.findall(r"(\w+) is process (\d+)", self.said)}


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    port = free()
    lines = [f"{name}: python {ROOT}/tests/cli/stand_in.py {name} {port}\n" for name in PROCESSES]
    (tmp_path / "Procfile").write_text("".join(lines))
    settings = {
        "PORT": str(port),
        "METRICS_PORT": "0",
        "DATA_DIR": str(tmp_path / "data"),
        "WORKER_PROCESSES": "1",
    }

    with ExitStack() as started:

        def start(**more: str) -> Up:
            return started.enter_context(_running(tmp_path / "Procfile", settings | more))

        yield start


@contextmanager
def _running(processes: Path, settings: dict[str, str]) -> Iterator[Up]:
    with subprocess.Popen(
        [str(ROOT / "millwright"), "up", "--procfile", str(processes)],
        env=inherited() | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield Up(process)
        finally:
            process.terminate()


def test_it_says_where_to_go_and_stops_everything_in_order(up: Callable[..., Up]) -> None:
    first = up()
    first.until("Millwright is ready: http://127.0.0.1:")
    first.until("admin@demo.millwright.test")
    first.until("password Millwright-demo-2026")
    first.until_all(f"{name} is process" for name in PROCESSES)

    first.process.send_signal(signal.SIGINT)

    said = first.rest()
    assert first.process.wait() == 0
    assert all(f"{name} leaves" in said for name in PROCESSES)
    assert said.splitlines()[-1].startswith("Stopped. The data stays in ")
    assert all(ended(pid) for pid in first.pids().values())

    second = up()
    second.until("The database is up to date")
    second.until("Millwright is ready")


def test_killed_it_leaves_no_process_behind(up: Callable[..., Up], tmp_path: Path) -> None:
    running = up()
    running.until("Millwright is ready")
    servers = [int((tmp_path / "data" / "mongo" / "mongod.lock").read_text())]
    servers += _children(running.process.pid)

    running.process.kill()

    assert len(servers) >= 1 + len(PROCESSES)
    assert all(ended(pid) for pid in servers)


def test_a_killed_child_is_started_again(up: Callable[..., Up]) -> None:
    running = up()
    running.until("Millwright is ready")
    before = running.pid("worker")

    os.kill(before, signal.SIGKILL)

    running.until("worker was killed by SIGKILL; starting it again in 0.2 s")
    assert int(running.until(r"worker is process (\d+)")[1]) != before


def test_as_many_workers_run_as_the_setting_says_each_with_a_free_port_for_its_metrics(
    up: Callable[..., Up],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        running = up(WORKER_PROCESSES="2", METRICS_PORT=str(taken.getsockname()[1]))

        running.until("Millwright is ready")

        pids = [running.pid(name) for name in ("worker.1", "worker.2", "scheduler")]
        served = {_environment(pid)["METRICS_PORT"] for pid in pids}
        assert len(served | {str(taken.getsockname()[1])}) == 4


def test_a_killed_mongod_is_started_again(up: Callable[..., Up], tmp_path: Path) -> None:
    running = up()
    running.until("Millwright is ready")
    lock = tmp_path / "data" / "mongo" / "mongod.lock"

    os.kill(int(lock.read_text()), signal.SIGKILL)
    running.until("MongoDB ended; starting it again")
    running.process.send_signal(signal.SIGTERM)

    assert "Stopped." in running.rest()


def test_a_taken_port_is_told_before_anything_starts(up: Callable[..., Up], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        refused = up(PORT=str(port))

        assert f"Port {port} on 127.0.0.1 is taken" in refused.rest()
        assert refused.process.wait() == 1
    assert not (tmp_path / "data" / "mongo").exists()


def test_a_wrong_setting_stops_it_with_a_line_per_fault(up: Callable[..., Up]) -> None:
    refused = up(PORT="eighty", LOG_LEVEL="loud")

    said = refused.rest().splitlines()
    assert refused.process.wait() == 1
    assert [line.split(":")[1] for line in said] == [" setting PORT", " setting LOG_LEVEL"]


def test_production_is_not_started_this_way(up: Callable[..., Up]) -> None:
    refused = up(APP_ENV="production")

    assert "MONGO_URI: production needs it; embedded servers are for development" in refused.rest()
    assert refused.process.wait() == 1


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in found.split()]


def _environment(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if pair)
