"""Leases: who may work on something now, and a token by which a late worker is refused.

The document is never deleted: deleting it would start the token again.

    {_id: name, owner, token, acquired_at, heartbeat_at, expires_at, min_until, term}

Only the server's clock (`$$NOW`) decides expiry. A lease saves work; safety is the fence's (`fence.py`).
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

ASK_TIMES = 2
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_NO_TIME = timedelta()

SET_BACK = timedelta(seconds=1)
"""A lease that was written so much later than now was written by a clock that has been set back since. Its
holder, if it lives, says so again within a quarter of the ttl."""


class Unreachable(Exception):
    """The store gave no durable answer: whoever asked must act as if the lease were not held."""


@dataclass(frozen=True, kw_only=True)
class Lease:
    """What the holder knows of its lease: `deadline` is on its own monotonic clock, in seconds."""

    name: str
    owner: str
    token: int
    ttl: timedelta
    deadline: float

    def holds(self, *, monotonic: float) -> bool:
        """Whether it may still be trusted. False somewhat before the server lets another one in."""
        return monotonic < self.deadline


class Leases:
    """Leases by name in one collection. `new_owner` gives an id that was never used before."""

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
        # Without decoders: with them the driver trips over what a primary that steps down answers.
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
        """The lease with a token higher than any before, or None: somebody else holds it.

        Even if released early it stays taken for `at_least`. `term` is the token of the leadership in whose
        name it is taken: a later leader need not wait for what an earlier one left behind. Raises:
        Unreachable.
        """
        owner = self._new_owner()
        # Trust runs from when we first asked: the reply may be slow, or lost and asked for again.
        asked = self._monotonic()
        found = self._ask(name, _acquisition(owner, ttl, at_least, term))
        if found["owner"] != owner:
            return None
        return Lease(name=name, owner=owner, token=found["token"], ttl=ttl, deadline=self._until(asked, ttl))

    def extend(self, lease: Lease) -> Lease | None:
        """The same lease with a later deadline, or None: it is lost for ever. Raises: Unreachable."""
        asked = self._monotonic()
        left = timedelta(seconds=max(lease.deadline - asked, 0.05))
        still_mine = _mine(lease) | {"$expr": {"$gt": ["$expires_at", "$$NOW"]}}
        later = [{"$set": {"heartbeat_at": "$$NOW", "expires_at": _from_now(lease.ttl)}}]
        with _reached(min(left, self._answer_within)):
            if self._leases.update_one(still_mine, later).matched_count != 1:
                return None
        return replace(lease, deadline=self._until(asked, lease.ttl))

    def release(self, lease: Lease) -> bool:
        """Lets the next one in (after `at_least`). False: it was no longer ours. Raises: Unreachable."""
        ended = [{"$set": {"expires_at": {"$max": ["$$NOW", "$min_until"]}}}]
        with _reached(self._answer_within):
            return self._leases.update_one(_mine(lease), ended).matched_count == 1

    def _ask(self, name: str, pipeline: list[dict[str, Any]]) -> dict[str, Any]:
        """Asked again with the same owner, an acquisition whose answer was lost is found to be ours."""
        for left in reversed(range(ASK_TIMES)):
            try:
                with _reached(self._answer_within):
                    found: dict[str, Any] | None = self._leases.find_one_and_update(
                        {"_id": name}, pipeline, upsert=True, return_document=ReturnDocument.AFTER
                    )
                    assert found is not None, "an upsert returns what it left"
                    return found
            except Unreachable:
                if not left:
                    raise
        raise AssertionError("unreachable: the last try returns or raises")

    def _until(self, asked: float, ttl: timedelta) -> float:
        return asked + ttl.total_seconds() * self._trusted


def _acquisition(owner: str, ttl: timedelta, at_least: timedelta, term: int | None) -> list[dict[str, Any]]:
    """Takes the lease if it is free: the server refuses `$expr` in an upsert's filter, so this decides."""
    taken = {
        "owner": {"$literal": owner},
        "token": {"$add": [{"$ifNull": ["$token", 0]}, 1]},
        "acquired_at": "$$NOW",
        "heartbeat_at": "$$NOW",
        "expires_at": _from_now(ttl),
        "min_until": _from_now(at_least),
        "term": term,
    }
    over: list[dict[str, Any]] = [
        {"$lte": [{"$ifNull": ["$expires_at", _LONG_AGO]}, "$$NOW"]},
        {"$gt": [{"$ifNull": ["$heartbeat_at", _LONG_AGO]}, _from_now(SET_BACK)]},
    ]
    if term is not None:
        over.append({"$lt": [{"$ifNull": ["$term", term]}, term]})
    return [
        {"$set": {"_free": {"$or": over}}},
        {"$set": {name: {"$cond": ["$_free", value, f"${name}"]} for name, value in taken.items()}},
        {"$unset": "_free"},
    ]


def _from_now(span: timedelta) -> dict[str, Any]:
    return {"$add": ["$$NOW", span // timedelta(milliseconds=1)]}


def _mine(lease: Lease) -> dict[str, Any]:
    # The owner alone would do within one life of the collection; the token also survives a restored backup.
    return {"_id": lease.name, "owner": lease.owner, "token": lease.token}


@contextmanager
def _reached(within: timedelta) -> Iterator[None]:
    """Every error is the same to a holder: it cannot know."""
    try:
        with pymongo.timeout(within.total_seconds()):
            yield
    except DuplicateKeyError as error:
        raise Unreachable("another one created this lease at the same moment") from error
    except PyMongoError as error:
        raise Unreachable(str(error)) from error
