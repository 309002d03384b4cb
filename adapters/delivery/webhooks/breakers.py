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

SEEN_WELL_EVERY = timedelta(seconds=10)
"""How exact `last_ok_at` is: a healthy endpoint does not cost a write for each delivery."""


class Permit(msgspec.Struct, frozen=True):
    """Leave for one attempt."""

    is_probe: bool
    known: Document | None
    """What was stored of the endpoint when it was asked."""


class Breakers:
    """`id` is the webhook's document id, `now` the server's time. Raises: Unavailable."""

    def __init__(self, db: Database[Any]) -> None:
        self._health = db["webhook_health"]

    def ask(self, id: str, now: datetime) -> Permit | Wait:
        """Whether the endpoint may be tried now."""
        with translated():
            known = self._health.find_one({"_id": id})
        before = _breaker(known)
        found = allow_attempt(before, now)
        if isinstance(found, Wait):
            return found
        if found == before:
            return Permit(is_probe=False, known=known)
        if self._store(id, known, found):
            return Permit(is_probe=True, known=known)
        return Wait(now)  # somebody else has begun the probe, or ended it

    def answered(self, id: str, permit: Permit, now: datetime, error: Trouble | None = None) -> None:
        """It lives; `error`: though it does not like what it was sent."""
        known = permit.known or {}
        is_news = _breaker(permit.known) != after_response() or permit.is_probe
        seen: datetime | None = known.get("last_ok_at")
        if not (is_news or error or seen is None or abs(now - seen) >= SEEN_WELL_EVERY):
            return
        noted = _noted(error, now) if error else {"last_ok_at": now}
        update = {
            "$set": _fields(after_response()) | noted | {"tenant_id": _tenant(id)},
            "$inc": {"revision": 1},
        }
        with translated():
            self._health.update_one({"_id": id}, update, upsert=True)

    def failed(self, id: str, permit: Permit, now: datetime, error: Trouble) -> Breaker:
        """It could not be reached, or is out of order. Returns the breaker as it is then."""
        for _ in range(TRIES):
            with translated():
                known = self._health.find_one({"_id": id})
            after = after_failure(_breaker(known), now, was_probe=permit.is_probe)
            if self._store(id, known, after, _noted(error, now)):
                return after
        # So many are telling the same that one may be lost.
        return _breaker(known)

    def _store(
        self, id: str, known: Document | None, breaker: Breaker, noted: Document | None = None
    ) -> bool:
        """Whether nobody was faster."""
        values = _fields(breaker) | (noted or {})
        with translated():
            if known is not None:
                mine = {"_id": id, "revision": known["revision"]}
                update = {"$set": values, "$inc": {"revision": 1}}
                return self._health.update_one(mine, update).matched_count == 1
            try:
                self._health.insert_one({"_id": id, "tenant_id": _tenant(id), "revision": 1} | values)
            except DuplicateKeyError:
                return False
            return True


def _breaker(known: Document | None) -> Breaker:
    return msgspec.convert(known or {}, Breaker)


def _fields(breaker: Breaker) -> Document:
    return msgspec.to_builtins(breaker, builtin_types=(datetime,))  # type: ignore[no-any-return]


def _noted(error: Trouble, now: datetime) -> Document:
    return {"last_error": {"code": error.code, "message": error.message[:500]}, "last_error_at": now}


def _tenant(id: str) -> str:
    return id.partition("/")[0]
