"""The breakers of all endpoints, shared by all couriers: `webhook_health`, one document for each webhook.

{_id: "<tenant>/<webhook>", tenant_id, revision, failures, openings, open_until, probe_until,
 last_error {code, message}, last_error_at, last_ok_at}
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from adapters.delivery.outcomes import Trouble
from adapters.mongo.client import Document, translated
from domain.notices.breaker import Breaker, Wait, after_failure, after_response, allow_attempt

TRIES = 5

LAST_OK_PRECISION = timedelta(seconds=10)
"""How exact `last_ok_at` is, so that healthy endpoints do not cost a write for each delivery."""


class Permit(msgspec.Struct, frozen=True):
    """Permission for one attempt."""

    is_probe: bool
    stored: Document | None
    """The stored health of the endpoint when it was granted."""


class Breakers:
    """`id` is the webhook's document id, `now` the server's time. Raises: Unavailable."""

    def __init__(self, db: Database[Any]) -> None:
        self._health = db["webhook_health"]

    def permit(self, id: str, now: datetime) -> Permit | Wait:
        """A permit for one attempt, or how long to wait."""
        with translated():
            stored = self._health.find_one({"_id": id})
        before = _breaker(stored)
        after = allow_attempt(before, now)
        if isinstance(after, Wait):
            return after
        if after == before:
            return Permit(is_probe=False, stored=stored)
        if self._store(id, stored, after):
            return Permit(is_probe=True, stored=stored)
        return Wait(now)  # another courier has started the probe, or ended it

    def answered(self, id: str, permit: Permit, now: datetime, error: Trouble | None = None) -> None:
        """Record a response; `error` if it refused the request."""
        stored = permit.stored or {}
        is_news = _breaker(permit.stored) != after_response() or permit.is_probe
        seen: datetime | None = stored.get("last_ok_at")
        if not (is_news or error or seen is None or abs(now - seen) >= LAST_OK_PRECISION):
            return
        extra = _error_fields(error, now) if error else {"last_ok_at": now}
        update = {
            "$set": _fields(after_response()) | extra | {"tenant_id": _tenant(id)},
            "$inc": {"revision": 1},
        }
        with translated():
            self._health.update_one({"_id": id}, update, upsert=True)

    def failed(self, id: str, permit: Permit, now: datetime, error: Trouble) -> Breaker:
        """Record a failure, and return the breaker after it."""
        for _ in range(TRIES):
            with translated():
                stored = self._health.find_one({"_id": id})
            after = after_failure(_breaker(stored), now, was_probe=permit.is_probe)
            if self._store(id, stored, after, _error_fields(error, now)):
                return after
        # With so many concurrent failures, one may go unrecorded.
        return _breaker(stored)

    def _store(
        self, id: str, stored: Document | None, breaker: Breaker, extra: Document | None = None
    ) -> bool:
        """Store the breaker. False: another courier was faster."""
        values = _fields(breaker) | (extra or {})
        with translated():
            if stored is not None:
                mine = {"_id": id, "revision": stored["revision"]}
                update = {"$set": values, "$inc": {"revision": 1}}
                return self._health.update_one(mine, update).matched_count == 1
            try:
                self._health.insert_one({"_id": id, "tenant_id": _tenant(id), "revision": 1} | values)
            except DuplicateKeyError:
                return False
            return True


def _breaker(stored: Document | None) -> Breaker:
    return msgspec.convert(stored or {}, Breaker)


def _fields(breaker: Breaker) -> Document:
    return msgspec.to_builtins(breaker, builtin_types=(datetime,))  # type: ignore[no-any-return]


def _error_fields(error: Trouble, now: datetime) -> Document:
    return {"last_error": {"code": error.code, "message": error.message[:500]}, "last_error_at": now}


def _tenant(id: str) -> str:
    return id.partition("/")[0]
