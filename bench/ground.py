"""Where the bench runs: embedded servers and a data directory of its own, and the processes it starts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any
from urllib.request import urlopen

import redis
from pymongo import MongoClient
from pymongo.database import Database

from adapters.mongo import client as mongo
from adapters.mongo import indexes
from adapters.mongo.client import Document
from adapters.process.clock import SystemClock
from adapters.settings.table import ROOT, inherited, table
from cli.embedded import ports
from cli.embedded import servers as embedded
from cli.processes.child import leashed
from cli.stop import Stop

CLOCK = SystemClock()
PATIENCE_S = 60.0
LOOK_EVERY_S = 0.01
SECRET = "bench-secret-of-no-worth-0123456789abcdef"
MIB = 1024 * 1024


class Process:
    """A child of the bench. A rival says `ready`, and starts at a line on its stdin."""

    def __init__(self, module: str, *args: str, env: Mapping[str, str], log: Path) -> None:
        argv, preexec = leashed([sys.executable, "-P", "-m", module, *args])
        self.name = " ".join((module, *args))
        self._log = log
        with log.open("ab") as errors:
            self._child = subprocess.Popen(
                argv,
                env=dict(env),
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                preexec_fn=preexec,  # noqa: PLW1509 - one prctl call, loaded before the fork
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    def check(self) -> None:
        """Raises: Stop: it has ended."""
        if self._child.poll() is not None:
            raise Stop(f"{self.name} ended with {self._child.returncode}: {self._tail()}")

    def read(self) -> str:
        """The next line it prints. Raises: Stop: it ended instead."""
        line = _pipe(self._child.stdout).readline()
        if not line:
            self._child.wait()
            self.check()
        return line.decode().strip()

    def write_line(self, line: str) -> None:
        stdin = _pipe(self._child.stdin)
        stdin.write(f"{line}\n".encode())
        stdin.flush()

    def peak_mb(self) -> float:
        """The most memory it has had resident so far."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            # Elsewhere than on Linux: what it has now, which for a worker after its work is near the peak.
            listing = subprocess.run(
                ["ps", "-o", "rss=", "-p", str(self.pid)], capture_output=True, text=True, check=True
            )
            return int(listing.stdout) * 1024 / MIB
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / MIB

    def kill(self) -> None:
        """Kills it without cleaning up: its database is dropped too."""
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            _pipe(pipe).close()

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-2_000:]


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None, "the child was started with pipes"
    return pipe


class Ground:
    """One mongod and one Valkey for the whole bench; a database for each measurement."""

    def __init__(self, directory: Path, mongo_uri: str, redis_url: str) -> None:
        self.directory = directory
        self.redis_url = redis_url
        self.mongo: MongoClient[Document] = mongo.client(mongo_uri)
        self._mongo_uri = mongo_uri
        self._names = (f"bench_{number}" for number in count())

    @contextmanager
    def database(self) -> Iterator[Database[Document]]:
        """A fresh one with all indexes, dropped afterwards."""
        database = self.mongo[next(self._names)]
        indexes.create(database)
        try:
            yield database
        finally:
            self.forget_hints()
            self.mongo.drop_database(database.name)

    def forget_hints(self) -> None:
        """Deletes hints and messages, so that one measurement leaves nothing to the next."""
        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()

    def uri(self, database: Database[Document]) -> str:
        start, _, options = self._mongo_uri.partition("?")
        return f"{start.rstrip('/')}/{database.name}?{options}"

    def environment(self, database: Database[Document], **more: str) -> dict[str, str]:
        """A child's environment, without the user's own settings, which could change the figures."""
        env = inherited()
        for row in table():
            env.pop(f"{row.name}_FILE", None)
            # Empty is the default, and wins over a `.env`.
            env[row.name] = ""
        return env | {
            "APP_ENV": "test",
            "DATA_DIR": str(self.directory / "data"),
            "JWT_SECRET": SECRET,
            "LOG_LEVEL": "WARNING",
            "METRICS_PORT": "0",
            "MONGO_URI": self.uri(database),
            "PYTHONPATH": str(ROOT),
            "RATE_LIMIT_MAX": "100000000",
            "REDIS_URL": self.redis_url,
            **more,
        }

    @contextmanager
    def process(self, module: str, *args: str, env: Mapping[str, str]) -> Iterator[Process]:
        process = Process(module, *args, env=env, log=self.directory / "processes.log")
        try:
            yield process
        finally:
            process.kill()

    @contextmanager
    def web(self, module: str, *args: str, database: Database[Document]) -> Iterator[int]:
        """Starts a web process; its port once it is ready."""
        port = ports.free()
        with self.process(module, *args, env=self.environment(database, PORT=str(port))) as process:
            deadline = CLOCK.monotonic() + PATIENCE_S
            while not _answers(f"http://127.0.0.1:{port}/api/health/live"):
                process.check()
                if CLOCK.monotonic() > deadline:
                    raise Stop(f"{process.name} is not ready after {PATIENCE_S:.0f} s.")
                CLOCK.sleep(LOOK_EVERY_S * 10)
            yield port


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, HTTPException):
        return False


@contextmanager
def prepared() -> Iterator[Ground]:
    """Servers for the length of a block; all of it is gone afterwards."""
    with TemporaryDirectory(prefix="millwright-bench-") as name:
        directory = Path(name)
        with embedded.running(directory / "data") as stores:
            ground = Ground(directory, stores.mongo_uri, stores.redis_url)
            try:
                yield ground
            finally:
                ground.mongo.close()


def database_of(client: MongoClient[Any]) -> Database[Document]:
    """The one its URI names."""
    return client.get_default_database(codec_options=mongo.CODEC)
