"""Leases: who may work on something now, with a token by which writes of a late holder are refused.

The document is never deleted, because that would restart the token.

    {_id: name, owner, token, acquired_at, heartbeat_at, expires_at, min_until, term}

Only the server's clock (`$$NOW`) decides expiry. A lease saves work; the fence (`fence.py`) gives safety.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo
from bson.codec_options import CodecOptions
from pymongo import ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.write_concern import WriteConcern

ACQUIRE_TRIES = 2
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_NO_TIME = timedelta()

SET_BACK = timedelta(seconds=1)
"""A lease whose heartbeat is this far in the future was written by a clock that has been set back since: it
counts as free. A live holder extends it within a quarter of the ttl."""


class Unreachable(Exception):
    """The store gave no durable reply: the caller must act as if the lease were not held."""


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A lease as its holder knows it. `deadline` is on the holder's monotonic clock, in seconds."""

    name: str
    owner: str
    token: int
    ttl: timedelta
    deadline: float

    def holds(self, *, monotonic: float) -> bool:
        """Whether the lease may still be trusted. Turns false shortly before another holder can acquire
        it."""
        return monotonic < self.deadline


class Leases:
    """Leases by name in one collection. `new_owner` returns a new unique id each time."""

    def __init__(
        self,
        collection: Collection[Any],
        *,
        monotonic: Callable[[], float],
        new_owner: Callable[[], str],
        margin: float = 0.2,
        answer_within: timedelta = timedelta(seconds=5),
    ) -> None:
        """`margin` is the share of the ttl that is not trusted."""
        # Without type decoders: with them the driver fails on the reply of a primary that steps down.
        plain: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
        self._leases = collection.with_options(
            codec_options=plain, write_concern=WriteConcern(w="majority", j=True)
        )
        self._monotonic = monotonic
        self._new_owner = new_owner
        self._trusted = 1 - margin
        self._answer_within = answer_within

    def acquire(
        self, name: str, *, ttl: timedelta, at_least: timedelta = _NO_TIME, term: int | None = None
    ) -> Lease | None:
        """The lease, with a token higher than any before; None if another holder has it.

        Even if released early it stays taken for `at_least`. `term` is the token of the leadership it is
        acquired under: a later leader takes over the leases of an earlier one at once. Raises: Unreachable.
        """
        owner = self._new_owner()
        # Trust runs from the first request: the reply may be slow, or lost and requested again.
        requested_at = self._monotonic()
        document = self._acquire_document(name, _acquisition(owner, ttl, at_least, term))
        if document["owner"] != owner:
            return None
        return Lease(
            name=name, owner=owner, token=document["token"], ttl=ttl, deadline=self._until(requested_at, ttl)
        )

    def extend(self, lease: Lease) -> Lease | None:
        """The lease with a later deadline; None if it is lost. Raises: Unreachable."""
        requested_at = self._monotonic()
        left = timedelta(seconds=max(lease.deadline - requested_at, 0.05))
        still_mine = _mine(lease) | {"$expr": {"$gt": ["$expires_at", "$$NOW"]}}
        extension = [{"$set": {"heartbeat_at": "$$NOW", "expires_at": _from_now(lease.ttl)}}]
        with _unreachable_errors(min(left, self._answer_within)):
            if self._leases.update_one(still_mine, extension).matched_count != 1:
                return None
        return replace(lease, deadline=self._until(requested_at, lease.ttl))

    def release(self, lease: Lease) -> bool:
        """Release the lease (effective after `at_least`). False: it was no longer ours. Raises:
        Unreachable."""
        expiry = [{"$set": {"expires_at": {"$max": ["$$NOW", "$min_until"]}}}]
        with _unreachable_errors(self._answer_within):
            return self._leases.update_one(_mine(lease), expiry).matched_count == 1

    def _acquire_document(self, name: str, pipeline: list[dict[str, Any]]) -> dict[str, Any]:
        """The lease document after the acquisition. A repeat with the same owner is safe if a reply was
        lost."""
        for left in reversed(range(ACQUIRE_TRIES)):
            try:
                with _unreachable_errors(self._answer_within):
                    document: dict[str, Any] | None = self._leases.find_one_and_update(
                        {"_id": name}, pipeline, upsert=True, return_document=ReturnDocument.AFTER
                    )
                    assert document is not None, "an upsert returns what it left"
                    return document
            except Unreachable:
                if not left:
                    raise
        raise AssertionError("unreachable: the last try returns or raises")

    def _until(self, requested_at: float, ttl: timedelta) -> float:
        return requested_at + ttl.total_seconds() * self._trusted


def _acquisition(owner: str, ttl: timedelta, at_least: timedelta, term: int | None) -> list[dict[str, Any]]:
    """The update that takes the lease if it is free; in a pipeline, as an upsert's filter cannot use
    `$expr`."""
    taken = {
        "owner": {"$literal": owner},
        "token": {"$add": [{"$ifNull": ["$token", 0]}, 1]},
        "acquired_at": "$$NOW",
        "heartbeat_at": "$$NOW",
        "expires_at": _from_now(ttl),
        "min_until": _from_now(at_least),
        "term": term,
    }
    is_free: list[dict[str, Any]] = [
        {"$lte": [{"$ifNull": ["$expires_at", _LONG_AGO]}, "$$NOW"]},
        {"$gt": [{"$ifNull": ["$heartbeat_at", _LONG_AGO]}, _from_now(SET_BACK)]},
    ]
    if term is not None:
        is_free.append({"$lt": [{"$ifNull": ["$term", term]}, term]})
    return [
        {"$set": {"_free": {"$or": is_free}}},
        {"$set": {name: {"$cond": ["$_free", value, f"${name}"]} for name, value in taken.items()}},
        {"$unset": "_free"},
    ]


def _from_now(span: timedelta) -> dict[str, Any]:
    return {"$add": ["$$NOW", span // timedelta(milliseconds=1)]}


def _mine(lease: Lease) -> dict[str, Any]:
    # The owner alone would be enough, except after a restore from a backup.
    return {"_id": lease.name, "owner": lease.owner, "token": lease.token}


@contextmanager
def _unreachable_errors(within: timedelta) -> Iterator[None]:
    """Turns every driver error into Unreachable: a holder cannot tell them apart."""
    try:
        with pymongo.timeout(within.total_seconds()):
            yield
    except DuplicateKeyError as error:
        raise Unreachable("another holder created this lease at the same moment") from error
    except PyMongoError as error:
        raise Unreachable(str(error)) from error
