"""What the primary says of itself: the only clock that decides, and which election made it primary."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from pymongo.database import Database

from adapters.mongo import CODEC


class Primary(msgspec.Struct, frozen=True):
    """`now` is the server's time; `term` differs after every election."""

    now: datetime
    term: str


def ask(db: Database[Any]) -> Primary:
    """One round trip. Raises: PyMongoError."""
    told = db.command("hello", codec_options=CODEC)
    # A router has no election of its own; its process stands for it.
    term = told.get("electionId") or told.get("topologyVersion", {}).get("processId")
    return Primary(told["localTime"], str(term))
