"""A mongod of its own that fails on demand: `failCommand` and other failpoints, bound to one client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from adapters.mongo.client import CODEC
from cli.embedded import binaries, ports, replica
from cli.embedded.servers import MONGOD_OPTIONS
from cli.processes.server import Server

Document = dict[str, Any]

CLIENT = "the-one-that-fails"
"""Faults meet clients of this `appname` alone."""


@dataclass(frozen=True)
class FailingMongo:
    uri: str
    admin: MongoClient[Document]

    @contextmanager
    def failing(self, *commands: str, times: int | None = None, **how: Any) -> Iterator[None]:
        """These commands fail inside the block: all of them, or the next `times`."""
        mode: Any = "alwaysOn" if times is None else {"times": times}
        data = {"failCommands": list(commands), "appName": CLIENT, **how}
        with self.point("failCommand", mode, data):
            yield

    @contextmanager
    def point(self, name: str, mode: Any = "alwaysOn", data: Document | None = None) -> Iterator[None]:
        self.admin.admin.command({"configureFailPoint": name, "mode": mode, "data": data or {}})
        try:
            yield
        finally:
            self.admin.admin.command({"configureFailPoint": name, "mode": "off"})


@contextmanager
def failing_mongo(data_dir: Path) -> Iterator[FailingMongo]:
    port = ports.free()
    (data_dir / "db").mkdir()
    server = Server(
        name="failing MongoDB",
        argv=[
            str(binaries.mongod()),
            f"--dbpath={data_dir / 'db'}",
            f"--port={port}",
            "--setParameter=enableTestCommands=1",
            *MONGOD_OPTIONS,
        ],
        log=data_dir / "mongod.log",
        ready=lambda: replica.lead(port),
        explain=lambda text, code: f"mongod ended with {code}: {text[-2000:]}",
    )
    server.start()
    try:
        with MongoClient[Document](
            replica.uri(port), tz_aware=True, type_registry=CODEC.type_registry
        ) as admin:
            yield FailingMongo(replica.uri(port), admin)
    finally:
        server.stop()
