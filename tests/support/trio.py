"""A replica set of three mongods of its own: one may lead without a majority, and another be elected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from cli.embedded import binaries, ports, replica
from cli.embedded.servers import MONGOD_OPTIONS
from cli.processes.server import Server
from tests.support.patience import eventually

ELECTED_WITHIN_S = 30.0
SETTINGS = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}


class Member:
    """One of the three, asked directly."""

    def __init__(self, port: int, data_dir: Path) -> None:
        self.port = port
        self.admin: MongoClient[Any] = MongoClient(
            "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=500, socketTimeoutMS=2000
        )
        (data_dir / str(port)).mkdir()
        self.server = Server(
            name=f"MongoDB {port}",
            argv=[
                str(binaries.mongod()),
                f"--dbpath={data_dir / str(port)}",
                f"--port={port}",
                *MONGOD_OPTIONS,
            ],
            log=data_dir / f"mongod-{port}.log",
            ready=lambda: self.says("ok"),
            explain=lambda text, code: f"mongod ended with {code}: {text[-2000:]}",
        )

    def says(self, name: str) -> bool:
        """What `hello` answers; silence is no."""
        try:
            return bool(self.admin.admin.command("hello").get(name))
        except PyMongoError:
            return False

    def step_down(self) -> None:
        """Without asking whether anybody has what it wrote last."""
        self.admin.admin.command({"replSetStepDown": 5, "secondaryCatchUpPeriodSecs": 0, "force": True})


class Trio:
    def __init__(self, data_dir: Path) -> None:
        self.members = [Member(ports.free(), data_dir) for _ in range(3)]

    @property
    def uri(self) -> str:
        hosts = ",".join(f"127.0.0.1:{member.port}" for member in self.members)
        return f"mongodb://{hosts}/?replicaSet={replica.NAME}"

    def primary(self) -> Member:
        """Waited for while there is none."""

        def leading() -> list[Member]:
            return [member for member in self.members if member.says("isWritablePrimary")]

        return eventually(leading, within_s=ELECTED_WITHIN_S, what="somebody is elected")[0]

    def unite(self) -> None:
        hosts = [{"_id": n, "host": f"127.0.0.1:{member.port}"} for n, member in enumerate(self.members)]
        config = {"_id": replica.NAME, "members": hosts, "settings": SETTINGS}
        self.members[0].admin.admin.command("replSetInitiate", config)
        with MongoClient[Any](self.uri) as client:
            first = client["trio"].get_collection("first", write_concern=WriteConcern("majority"))
            first.insert_one({})


@contextmanager
def trio(data_dir: Path) -> Iterator[Trio]:
    made = Trio(data_dir)
    with ExitStack() as ends:
        for member in made.members:
            ends.callback(member.admin.close)
            ends.callback(member.server.kill)
            member.server.start()
        made.unite()
        yield made
