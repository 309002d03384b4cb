"""Puts a row into the delivery ledger for each webhook that an event is for: a duty of the scheduler.

The rows are durable before the cursor moves on, and their ids are derived, so that reading twice is harmless.
A stream shows only events of the types that somebody listened to when it was opened. So after each batch the
listeners are read again: if they have changed, the batch is dropped and read anew from where it began.
Whoever begins to listen therefore misses nothing that happens from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from loguru import logger
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from adapters.delivery.ledger import insert, row
from adapters.events import change_stream as event_stream
from adapters.events.change_stream import EventFilter, EventStream, HistoryLost
from adapters.mongo.client import Document
from adapters.mongo.server_time import server_time
from locks.fence import fenced, stamped
from locks.lease import Lease
from workers.duties.duty import Duty

CURSOR = "webhook-feed"

IDLE = timedelta(seconds=1)
BUSY = timedelta()
READ_FOR = timedelta(seconds=1)

SAVE_EVERY = timedelta(seconds=10)
"""How far the stored cursor may stay behind when there are no events."""

MARGIN = timedelta(seconds=30)
"""An event's time is that of its transaction's beginning; it may be seen that much later."""


class Listener(msgspec.Struct, frozen=True):
    """A webhook that is active."""

    id: str
    tenant_id: str
    events: tuple[str, ...]
    active_since: datetime


class Position(msgspec.Struct, frozen=True):
    """How far the events have been read. `at`: all that are MARGIN older have their rows."""

    token: Document | None
    at: datetime


class Search(msgspec.Struct, frozen=True):
    """A search of the stored events for missed ones: from that time on, behind that `_id`."""

    since: datetime
    behind: str = ""


class WebhookFeed:
    """The feed of one leadership, under the leader's `lease`: a later leader's cursor is left alone."""

    def __init__(self, db: Database[Any], lease: Lease, *, monotonic: Callable[[], float]) -> None:
        self._db = db
        self._lease = lease
        self._monotonic = monotonic
        self._listeners: tuple[Listener, ...] = ()
        self._stream: EventStream | None = None
        self._position: Position | None = None
        self._saved: datetime | None = None
        self._search: Search | None = None

    def tick(self) -> timedelta:
        """One batch. Raises: PyMongoError, Unavailable: the next tick goes on from the last position."""
        listeners = self._listening()
        if not listeners:
            self.close()
            return IDLE
        try:
            if self._stream is None or listeners != self._listeners:
                self._open(listeners)
            return self._seek() if self._search else self._read()
        except HistoryLost as lost:
            self._begin_search(lost)
            return BUSY
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._stream is not None:
            stream, self._stream = self._stream, None
            stream.close()

    def _listening(self) -> tuple[Listener, ...]:
        fields = ["id", "tenant_id", "events", "active_since"]
        found = self._db["webhooks"].find({"active": True}, fields).sort("_id", 1)
        return tuple(msgspec.convert(document, Listener) for document in found)

    def _open(self, listeners: tuple[Listener, ...]) -> None:
        self.close()
        self._listeners = listeners
        position = self._position or self._stored() or Position(None, _earliest(listeners))
        since = _earliest(listeners)
        if position.at < since:  # nobody listened in between: what was then is nobody's business
            position = Position(None, since)
        self._position = position
        start = None if position.token else position.at - MARGIN
        self._stream = EventStream(self._db, _wanted(listeners), after=position.token, since=start)

    def _stored(self) -> Position | None:
        found = self._db["cursors"].find_one({"_id": CURSOR})
        return Position(found["token"], found["at"]) if found else None

    def _read(self) -> timedelta:
        assert self._stream is not None
        assert self._position is not None
        before = server_time(self._db)
        until = self._monotonic() + READ_FOR.total_seconds()
        batch = self._stream.read(until, self._monotonic)
        if self._listening() != self._listeners:
            self.close()
            return BUSY
        self._insert_rows(batch.events, before)
        if batch.token is not None:
            self._position = Position(batch.token, batch.at or before)
        is_due = self._saved is None or before - self._saved >= SAVE_EVERY
        if batch.events or is_due:
            self._save(self._position, before)
        return BUSY if batch.events else IDLE

    def _begin_search(self, lost: HistoryLost) -> None:
        """From the position that cannot be resumed, while new events wait in a stream from now."""
        position = self._position
        assert position is not None
        self.close()
        logger.error(
            "the history of changes does not reach back to the webhooks' cursor: looking through all events",
            since=position.at,
            reason=str(lost),
        )
        # From the beginning again, if that happens in the middle of a search.
        self._search = Search(self._search.since if self._search else position.at - MARGIN)
        self._stream = EventStream(self._db, _wanted(self._listeners))
        # Not saved before the search is over: who leads after us then begins it again.
        self._position = Position(self._stream.token, server_time(self._db))

    def _seek(self) -> timedelta:
        assert self._search is not None
        assert self._position is not None
        wanted, search = _wanted(self._listeners), self._search
        found, last = event_stream.search(self._db, wanted, behind=search.behind, since=search.since)
        now = server_time(self._db)
        self._insert_rows(found, now)
        self._search = Search(search.since, last) if last else None
        if last is None:
            self._save(self._position, now)
            logger.info("looked through all events, webhooks are told as usual", since=search.since)
        return BUSY

    def _insert_rows(self, events: Iterable[Document], now: datetime) -> None:
        rows = [made for event in events for made in rows_of(event, self._listeners, now)]
        if rows:
            new = insert(self._db, rows)
            logger.debug("webhooks to be told", rows=len(new), known=len(rows) - len(new))

    def _save(self, position: Position, now: datetime) -> None:
        """Raises: DuplicateKeyError: a later leader's is there."""
        update = stamped({"$set": {"token": position.token, "at": position.at}}, self._lease)
        try:
            self._db["cursors"].update_one(fenced({"_id": CURSOR}, self._lease), update, upsert=True)
        except DuplicateKeyError:
            logger.warning("another leader feeds the webhooks", fence=self._lease.token)
            raise
        self._saved = now


def rows_of(event: Document, listeners: Sequence[Listener], now: datetime) -> list[Document]:
    """One for each webhook of its tenant that asked for it before it happened."""
    return [
        row(
            tenant_id=event["tenant_id"],
            about=event["target"],
            step=event["_id"],
            kind=event["type"],
            recipient=listener.id,
            channel="webhook",
            at=now,
            event_id=event["_id"],
            payload=payload(event),
        )
        for listener in listeners
        if listener.tenant_id == event["tenant_id"]
        and event["type"] in listener.events
        and listener.active_since <= event["at"]
    ]


def payload(event: Document) -> Document:
    """An event as it is told outside: what the timeline shows of it, without devices and the like."""
    return {
        "id": event["_id"],
        "type": event["type"],
        "at": event["at"],
        "effective_at": event["effective_at"],
        "tenant": event["tenant_id"],
        "target": event["target"],
        "version": event["version"],
        "actor": {name: event["actor"][name] for name in ("via", "user_id") if name in event["actor"]},
        "data": event["data"],
    }


def _wanted(listeners: Sequence[Listener]) -> EventFilter:
    return EventFilter(
        tenants=tuple(sorted({listener.tenant_id for listener in listeners})),
        types=tuple(sorted({type for listener in listeners for type in listener.events})),
    )


def _earliest(listeners: Sequence[Listener]) -> datetime:
    return min(listener.active_since for listener in listeners)


def webhook_feed_duty(feed: WebhookFeed) -> Duty:
    return Duty("webhook feed", feed.tick)
