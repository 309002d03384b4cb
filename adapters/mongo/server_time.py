"""What the primary says of itself: the only clock that decides, and which election made it primary."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from pymongo.database import Database

from adapters.mongo.client import CODEC


class Primary(msgspec.Struct, frozen=True):
    """`now` is the server's time; `term` differs after every election. `logical` is the time that it gives
    to inserts: never behind an earlier primary's, whose clock may have been ahead."""

    now: datetime
    term: str
    logical: datetime


def ask(db: Database[Any]) -> Primary:
    """One round trip. Raises: PyMongoError."""
    told = db.command("hello", codec_options=CODEC)
    # A router has no election of its own; its process stands for it.
    term = told.get("electionId") or told.get("topologyVersion", {}).get("processId")
    now: datetime = told["localTime"]
    logical = told.get("$clusterTime", {}).get("clusterTime")
    return Primary(now, str(term), max(now, logical.as_datetime()) if logical else now)
