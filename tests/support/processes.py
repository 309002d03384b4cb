"""Real worker and scheduler processes, and what may befall them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo.database import Database

from adapters.settings import table as settings
from cli.processes.child import ROOT, leashed
from tests.support.patience import eventually

WORKER = ("-m", "workers")
TRIAL_WORKER = ("-m", "tests.support.trial_worker", "catalogue")
SCHEDULER = ("-m", "workers.scheduler")
WEB = ("-m", "api")
START_WITHIN_S = 30.0
SECRET = "only for tests, and longer than 32 bytes"


class Process:
    """One child, with its output in a file."""

    def __init__(self, argv: Sequence[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        command, preexec = leashed([sys.executable, *argv])
        with log.open("ab") as out:
            self.child = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                preexec_fn=preexec,  # noqa: PLW1509 - one prctl call, loaded before the fork
            )

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def is_running(self) -> bool:
        return self.child.poll() is None

    def kill(self) -> None:
        """As `kill -9`; it is gone when this returns."""
        self.child.kill()
        self.child.wait()

    def pause(self) -> None:
        self.child.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.child.send_signal(signal.SIGCONT)

    def output(self) -> str:
        return self.log.read_text(errors="replace")


class Processes:
    """Starts processes on one database and one Valkey."""

    def __init__(self, db: Database[Any], mongo_uri: str, redis_url: str, directory: Path) -> None:
        self.db = db
        self.started: list[Process] = []
        self._directory = directory
        self._environment = settings.inherited() | {
            "MONGO_URI": mongo_uri,
            "REDIS_URL": redis_url,
            "BROKER_URL": "",
            "JWT_SECRET": SECRET,
            "RATE_LIMIT_MAX": "100000000",
            "DATA_DIR": str(directory),
            "METRICS_PORT": "0",
            "LOG_LEVEL": "INFO",
        }

    def start(self, *argv: str, **environment: str) -> Process:
        """Running, perhaps not ready."""
        log = self._directory / f"process-{len(self.started)}.log"
        process = Process(argv, self._environment | environment, log)
        self.started.append(process)
        return process

    def worker(self, *argv: str) -> Process:
        """Ready for hints when this returns."""
        process = self.start(*(argv or WORKER))
        self.await_ready(process)
        return process

    def await_ready(self, process: Process, *, within_s: float = START_WITHIN_S) -> None:
        def is_present() -> bool:
            assert process.is_running, process.output()
            return "worker ready" in process.output()

        eventually(is_present, within_s=within_s, what=f"worker {process.pid} is ready")

    def ended(self) -> dict[int, str]:
        """What those have said that do not run any more, by their exit codes."""
        ended = [process for process in self.started if not process.is_running]
        return {process.child.returncode: process.output() for process in ended}

    def end(self) -> None:
        for process in self.started:
            if process.is_running:
                process.kill()


@contextmanager
def processes(db: Database[Any], mongo_uri: str, redis_url: str, directory: Path) -> Iterator[Processes]:
    made = Processes(db, mongo_uri, redis_url, directory)
    try:
        yield made
    finally:
        made.end()


def uri_of(server_uri: str, database: str) -> str:
    """The server's URI with the database in its path."""
    start, _, options = server_uri.partition("?")
    return f"{start.rstrip('/')}/{database}?{options}"
