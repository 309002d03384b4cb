"""A real mongod and a real valkey-server as children of this process, with their data in one directory.

Development and tests only: production refuses them. Data survives a restart and a `kill -9`.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from adapters.process.clock import SystemClock
from adapters.settings.table import EMBEDDED_FILE
from cli.embedded import binaries, complaints, ports, replica
from cli.embedded.lockfile import await_release, hold
from cli.embedded.ports import PortTaken
from cli.processes.server import Server

MONGO, VALKEY = "mongo", "valkey"

# mongod preallocates its journal (300 MiB); below this it would start and then die in the middle.
ROOM_MIB = 700

STARTS = 5
"""Ports are ours to choose: so often another is tried."""

MONGOD_OPTIONS = (
    "--bind_ip=127.0.0.1",
    f"--replSet={replica.NAME}",
    "--nounixsocket",
    "--wiredTigerCacheSizeGB=0.5",
    "--oplogSize=512",
    # A killed worker's transaction blocks its documents until this expires (design: losses).
    "--setParameter=transactionLifetimeLimitSeconds=10",
    # Alone, it has nobody to hand over to: do not linger at the end.
    "--setParameter=shutdownTimeoutMillisForSignaledShutdown=100",
    "--setParameter=diagnosticDataCollectionEnabled=false",
)

VALKEY_OPTIONS = (
    "--bind",
    "127.0.0.1",
    # A hint must never be evicted silently; a full Valkey refuses, and the relay hints again.
    "--maxmemory-policy",
    "noeviction",
    # Hints are made again from MongoDB after a restart: writing them to disk would buy nothing.
    "--appendonly",
    "no",
    "--save",
    "",
)


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """The servers that run here, and the address of each store, here or elsewhere."""

    mongo_uri: str
    redis_url: str
    servers: Mapping[str, Server]

    @property
    def mongo(self) -> Server:
        return self.servers[MONGO]

    @property
    def valkey(self) -> Server:
        return self.servers[VALKEY]

    def start(self) -> None:
        """Starts all servers; returns when all are ready. Raises: Stop: one is not; none is left running."""
        try:
            for server in self.servers.values():
                server.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        for server in reversed(list(self.servers.values())):
            server.stop()


@contextmanager
def running(
    data_dir: Path, *, mongo_uri: str | None = None, redis_url: str | None = None, room_mib: int = ROOM_MIB
) -> Iterator[Embedded]:
    """The servers for the length of a block, by one process at a time; an address given is not served here.

    Raises: Stop: in one line what is wrong and what to do.
    """
    complaints.demand_room(data_dir, room_mib=room_mib)
    with hold(data_dir / "up.lock", data_dir):
        # A killed parent's mongod may still be writing its last page.
        await_release(data_dir / MONGO / "mongod.lock", data_dir, clock=SystemClock())
        embedded = _started(data_dir, mongo_uri, redis_url)
        try:
            yield embedded
        finally:
            embedded.stop()


def _started(data_dir: Path, mongo_uri: str | None, redis_url: str | None) -> Embedded:
    """The servers, all serving. A port that is lost between its choice and the start is chosen again."""
    for _ in range(STARTS - 1):
        embedded = _prepare(data_dir, mongo_uri, redis_url)
        with suppress(PortTaken):
            embedded.start()
            return embedded
    embedded = _prepare(data_dir, mongo_uri, redis_url)
    embedded.start()
    return embedded


def _prepare(data_dir: Path, mongo_uri: str | None, redis_url: str | None) -> Embedded:
    """Chooses programs and ports (those of the last start if free); starts nothing."""
    known = _known_ports(data_dir)
    servers: dict[str, Server] = {}
    if mongo_uri is None:
        known[MONGO] = ports.free(known.get(MONGO))
        servers[MONGO] = _mongo(binaries.mongod(), data_dir, known[MONGO])
        mongo_uri = replica.uri(known[MONGO])
    if redis_url is None:
        known[VALKEY] = ports.free(known.get(VALKEY))
        servers[VALKEY] = _valkey(binaries.valkey(), data_dir, known[VALKEY])
        redis_url = f"redis://127.0.0.1:{known[VALKEY]}/0"
    for name in servers:
        (data_dir / name).mkdir(exist_ok=True)
    _remember(data_dir, {"MONGO_URI": mongo_uri, "REDIS_URL": redis_url, "ports": known})
    return Embedded(mongo_uri=mongo_uri, redis_url=redis_url, servers=servers)


def _mongo(program: Path, data_dir: Path, port: int) -> Server:
    log = data_dir / "mongod.log"
    log.unlink(missing_ok=True)
    return Server(
        name="MongoDB",
        argv=[str(program), f"--dbpath={data_dir / MONGO}", f"--port={port}", *MONGOD_OPTIONS],
        log=log,
        ready=lambda: replica.lead(port),
        explain=lambda text, code: complaints.mongo(text, code, data_dir),
    )


def _valkey(program: Path, data_dir: Path, port: int) -> Server:
    log = data_dir / "valkey.log"
    log.unlink(missing_ok=True)

    def answers() -> bool:
        with redis.Redis(port=port, socket_connect_timeout=1, socket_timeout=1) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    return Server(
        name="Valkey",
        argv=[str(program), "--port", str(port), "--dir", str(data_dir / VALKEY), *VALKEY_OPTIONS],
        log=log,
        ready=answers,
        explain=lambda text, code: complaints.valkey(text, code, data_dir),
    )


def _known_ports(data_dir: Path) -> dict[str, int]:
    try:
        known = json.loads((data_dir / EMBEDDED_FILE).read_text())["ports"]
        return {name: int(port) for name, port in known.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Absent on the first start; unreadable, it costs no more than other ports.
        return {}


def _remember(data_dir: Path, content: Mapping[str, Any]) -> None:
    """Lets the next start reuse the ports, and every other command find these servers."""
    new = data_dir / f"{EMBEDDED_FILE}.new"
    # A URI from outside may hold a password.
    new.touch(mode=0o600)
    new.write_text(json.dumps(content, indent=2) + "\n")
    new.replace(data_dir / EMBEDDED_FILE)
