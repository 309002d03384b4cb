"""Leases over a real collection, with clocks and owners that a test can steer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.uri_parser import parse_uri

from adapters.process.clock import SystemClock
from locks.lease import Leases
from tests.support.wire import Wire


class Hands:
    """A monotonic clock that moves when told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def pod(database: Database[Any]) -> Callable[..., Leases]:
    """Makes what one pod has: its own clock and its own way to name owners."""
    owners = count()

    def make(monotonic: Callable[[], float] | None = None) -> Leases:
        return Leases(
            database["leases"],
            monotonic=monotonic or SystemClock().monotonic,
            new_owner=lambda: f"owner {next(owners)}",
        )

    return make


@pytest.fixture
def wire(mongo_uri: str) -> Iterator[Wire]:
    """Between `far_leases` and the server."""
    host, port = parse_uri(mongo_uri)["nodelist"][0]
    with Wire(host, port) as made:
        yield made


@pytest.fixture
def far_leases(wire: Wire, database: Database[Any]) -> Iterator[Leases]:
    """A pod whose wire to the store can fall silent; it waits half a second for an answer."""
    uri = f"mongodb://127.0.0.1:{wire.port}/?directConnection=true"
    with MongoClient[Any](uri) as client:
        client.admin.command("ping")
        yield Leases(
            client[database.name]["leases"],
            monotonic=SystemClock().monotonic,
            new_owner=lambda: "the far one",
            answer_within=timedelta(milliseconds=500),
        )
