"""The primary's clock, the only one that decides, and the election that made it primary."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from pymongo.database import Database

from adapters.mongo.client import CODEC, translated


class Primary(msgspec.Struct, frozen=True):
    """`now` is the server's time; `election_term` changes with every election. `cluster_time` is the time
    the server gives to inserts: never behind an earlier primary's, whose clock may have been ahead."""

    now: datetime
    election_term: str
    cluster_time: datetime


def read_primary(db: Database[Any]) -> Primary:
    """The primary's times and election, in one round trip. Raises: PyMongoError."""
    hello = db.command("hello", codec_options=CODEC)
    # A router (mongos) has no election of its own; its process id stands for it.
    term = hello.get("electionId") or hello.get("topologyVersion", {}).get("processId")
    now: datetime = hello["localTime"]
    cluster_time = hello.get("$clusterTime", {}).get("clusterTime")
    return Primary(now, str(term), max(now, cluster_time.as_datetime()) if cluster_time else now)


@translated()
def server_time(db: Database[Any]) -> datetime:
    """The primary's time. Raises: Unavailable."""
    return read_primary(db).now
