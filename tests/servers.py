"""Real servers for tests: one mongod and one Valkey for a whole run, or others from outside."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.embedded import servers as embedded


@dataclass(frozen=True)
class Servers:
    """Where the run's servers answer; `embedded` starts and kills those that run here."""

    mongo_uri: str
    redis_url: str
    embedded: embedded.Embedded


@contextmanager
def running(data_dir: Path) -> Iterator[Servers]:
    """Servers of our own, except where TEST_MONGO_URI or TEST_REDIS_URL points elsewhere; never none."""
    given = os.environ.get("TEST_MONGO_URI"), os.environ.get("TEST_REDIS_URL")  # noqa: TID251
    with embedded.running(data_dir, mongo_uri=given[0], redis_url=given[1]) as own:
        yield Servers(mongo_uri=own.mongo_uri, redis_url=own.redis_url, embedded=own)
