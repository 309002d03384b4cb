"""Events as they are committed, and, where that stream is broken, as they lie in the store.

The server's history of changes is bounded: a position that is older than it can no longer be resumed from.
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

MOST = 500
"""Events of one batch."""

AWAIT = timedelta(milliseconds=200)
"""How long the server waits for the next event before it says that there is none."""

SLICE = 5_000
"""Events looked at in one step of a search: some tens of milliseconds."""

_LOST = (286, 280, 260)
"""ChangeStreamHistoryLost, ChangeStreamFatalError, InvalidResumeToken."""


class HistoryLost(Exception):
    """The stream cannot go on from there."""


class Wanted(msgspec.Struct, frozen=True):
    """Which events somebody asks for at all."""

    tenants: tuple[str, ...]
    types: tuple[str, ...]

    def query(self, prefix: str = "") -> Document:
        return {
            f"{prefix}type": {"$in": list(self.types)},
            f"{prefix}tenant_id": {"$in": list(self.tenants)},
        }


class Batch(msgspec.Struct, frozen=True):
    """`token` stands behind the last of them. `at` is the server's time of the last one, None: there is
    nothing more for now."""

    events: list[Document]
    token: Document | None
    at: datetime | None


class EventStream:
    """One stream; close it. Raises: HistoryLost, PyMongoError."""

    def __init__(
        self,
        db: Database[Any],
        wanted: Wanted,
        *,
        after: Document | None = None,
        since: datetime | None = None,
    ) -> None:
        """From behind the token `after`; else from the time `since`; else from now."""
        match = {"operationType": "insert"} | wanted.query("fullDocument.")
        start = {"start_at_operation_time": Timestamp(int(since.timestamp()), 0)} if since else {}
        with _lost():
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
        """Where it stands."""
        token = self._stream.resume_token
        return dict(token) if token else None

    def read(self, until: float, monotonic: Any) -> Batch:
        """What there is, at most MOST and no longer than `until` on that clock (plus AWAIT)."""
        events: list[Document] = []
        at: datetime | None = None
        with _lost():
            while len(events) < MOST and monotonic() < until:
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


def step(
    db: Database[Any], wanted: Wanted, *, behind: str, since: datetime
) -> tuple[Sequence[Document], str | None]:
    """The wanted events of `since` or later among the next SLICE behind that `_id`, and the last `_id` looked
    at; None: that was all. By `_id`, because there is no index by time: it is needed once in a disaster."""
    events = db["events"].with_options(codec_options=CODEC)
    (last,) = [
        row["_id"]
        for row in events.find({"_id": {"$gt": behind}}, ["_id"]).sort("_id", 1).skip(SLICE - 1).limit(1)
    ] or [None]
    ids = {"$gt": behind} | ({"$lte": last} if last else {})
    found = events.find({"_id": ids, "at": {"$gte": since}} | wanted.query()).sort("_id", 1)
    return list(found), last


@contextmanager
def _lost() -> Iterator[None]:
    try:
        yield
    except OperationFailure as error:
        if error.code in _LOST:
            raise HistoryLost(str(error)) from error
        raise
