"""Reads events from a change stream as they are committed, or from the collection if that stream is broken.

The server's change history is bounded: it cannot resume from a position that is older.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec
from bson.timestamp import Timestamp
from pymongo.change_stream import ChangeStream
from pymongo.database import Database
from pymongo.errors import OperationFailure

from adapters.mongo.client import CODEC, Document

MOST_EVENTS = 500
"""Most events of one batch."""

AWAIT = timedelta(milliseconds=200)
"""How long the server waits for the next event before it reports none."""

SLICE = 5_000
"""Events read in one step of a search, which takes some tens of milliseconds."""

_LOST = (286, 280, 260)
"""ChangeStreamHistoryLost, ChangeStreamFatalError, InvalidResumeToken."""


class HistoryLost(Exception):
    """The stream cannot resume from that position."""


class EventFilter(msgspec.Struct, frozen=True):
    """The tenants and types of the events to read."""

    tenants: tuple[str, ...]
    types: tuple[str, ...]

    def query(self, prefix: str = "") -> Document:
        return {
            f"{prefix}type": {"$in": list(self.types)},
            f"{prefix}tenant_id": {"$in": list(self.tenants)},
        }


class Batch(msgspec.Struct, frozen=True):
    """Some events. `token`: the position after the last; `at`: its server time, None if there is no event."""

    events: list[Document]
    token: Document | None
    at: datetime | None


class EventStream:
    """One change stream; close it after use. Every method raises: HistoryLost, PyMongoError."""

    def __init__(
        self,
        db: Database[Any],
        filter: EventFilter,
        *,
        after: Document | None = None,
        since: datetime | None = None,
    ) -> None:
        """Start after the token `after`, else at the time `since`, else now."""
        match = {"operationType": "insert"} | filter.query("fullDocument.")
        start = {"start_at_operation_time": Timestamp(int(since.timestamp()), 0)} if since else {}
        with _history_errors():
            self._stream: ChangeStream[Document] = (
                db["events"]
                .with_options(codec_options=CODEC)
                .watch(
                    [{"$match": match}],
                    max_await_time_ms=AWAIT // timedelta(milliseconds=1),
                    **({"resume_after": after} if after else start),
                )
            )

    @property
    def token(self) -> Document | None:
        """The current position."""
        token = self._stream.resume_token
        return dict(token) if token else None

    def read(self, until: float, monotonic: Any) -> Batch:
        """The next events, at most MOST_EVENTS, waiting until `until` on that clock (plus AWAIT) at the
        latest."""
        events: list[Document] = []
        at: datetime | None = None
        with _history_errors():
            while len(events) < MOST_EVENTS and monotonic() < until:
                change = self._stream.try_next()
                if change is None:
                    break
                events.append(change["fullDocument"])
                at = change["clusterTime"].as_datetime()
            if not self._stream.alive:
                raise HistoryLost("the collection of events was dropped or renamed")
        return Batch(events, self.token, at)

    def close(self) -> None:
        self._stream.close()


def search(
    db: Database[Any], filter: EventFilter, *, behind: str, since: datetime
) -> tuple[Sequence[Document], str | None]:
    """The events since `since` among the next SLICE after `_id` `behind`, and the last `_id` read; None: no
    more.

    In order of `_id`, because there is no index by time: this is rarely needed.
    """
    events = db["events"].with_options(codec_options=CODEC)
    (last,) = [
        row["_id"]
        for row in events.find({"_id": {"$gt": behind}}, ["_id"]).sort("_id", 1).skip(SLICE - 1).limit(1)
    ] or [None]
    ids = {"$gt": behind} | ({"$lte": last} if last else {})
    page = events.find({"_id": ids, "at": {"$gte": since}} | filter.query()).sort("_id", 1)
    return list(page), last


@contextmanager
def _history_errors() -> Iterator[None]:
    """Turns driver errors about lost history into HistoryLost."""
    try:
        yield
    except OperationFailure as error:
        if error.code in _LOST:
            raise HistoryLost(str(error)) from error
        raise
