"""Which imports are this process's: each under a lease, and with its mark on it while it tries.

The lease is on the tenant and the import's *name*: two imports of one name go one after the other, whichever
processes they meet. It saves work, no more.

An import that ends its process leaves no exception to count. So a process puts its mark on the import
(`tried_by`) before it begins, and takes it off when it leaves alive; a cursor that moves wipes them all.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import msgspec
from loguru import logger
from pymongo import ReturnDocument
from pymongo.database import Database

from adapters.imports.store import OPEN
from adapters.mongo.client import PLAIN, Contention, Document, Unavailable, UnknownOutcome, translated
from locks.keeper import Keeper
from locks.lease import Leases, Unreachable
from workers.imports.run import Lost, Run

LEASE = timedelta(seconds=10)

MOST_FAILURES = 5
"""Faults of ours and processes that died of it, without a row in between, after which an import is given up
rather than tried for ever."""


class Hopeless(Exception):
    """It has failed, or ended its process, too often."""


class Held(msgspec.Struct, frozen=True):
    keeper: Keeper
    run: Run
    let_go: Callable[[], None]
    """Raises: Unreachable."""


class Hold:
    """`begin(import)` makes the run of one that has become ours; `worker` is the id of this process alone."""

    def __init__(
        self,
        db: Database[Any],
        leases: Leases,
        begin: Callable[[Document], Run],
        *,
        worker: str,
        ttl: timedelta,
        monotonic: Callable[[], float],
    ) -> None:
        self._db = db
        self._leases = leases
        self._begin = begin
        self._worker = worker
        self._ttl = ttl
        self._monotonic = monotonic
        self._held: dict[str, Held] = {}

    def take(self, found: Document) -> Held | None:
        """The run of this import, under a lease that still holds; None: it is not ours."""
        held = self._held.get(found["_id"])
        if held is not None:
            if not held.keeper.held:
                raise Lost(found["_id"])
            return held
        lease = self._leases.acquire(f"import:{found['tenant_id']}/{found['name']}", ttl=self._ttl)
        if lease is None:
            return None
        with ExitStack() as stack:
            # Kept from the first moment: reading up to the cursor takes longer than the lease.
            keeper = stack.enter_context(Keeper(self._leases, lease, monotonic=self._monotonic))
            # Read again: the one before us may have moved on since we looked.
            fresh = self._mark(found["_id"])
            if fresh is None:
                raise Lost(found["_id"])
            run = self._begin(fresh)
            self._held[found["_id"]] = Held(keeper, run, stack.pop_all().close)
        return self._held[found["_id"]]

    def _mark(self, id: str) -> Document | None:
        """The import as it is now, with our mark on it; None: it has ended. Raises: Hopeless."""
        with translated():
            fresh: Document | None = self._db.imports.with_options(codec_options=PLAIN).find_one_and_update(
                {"_id": id, "state": {"$in": list(OPEN)}},
                {"$addToSet": {"tried_by": self._worker}},
                return_document=ReturnDocument.AFTER,
            )
        if fresh is not None and fresh["failures"] + len(fresh["tried_by"]) - 1 >= MOST_FAILURES:
            raise Hopeless(id)
        return fresh

    def keep_only(self, ids: set[str]) -> None:
        """Drop those that are no longer among these."""
        for id in self._held.keys() - ids:
            self.drop(id)

    def leave_all(self) -> None:
        for id in list(self._held):
            self.leave(id)

    def leave(self, id: str) -> None:
        """Go alive: whatever happens to this import now, it is not by us."""
        self.drop(id)
        try:
            with translated():
                self._db.imports.update_one({"_id": id}, {"$pull": {"tried_by": self._worker}})
        except (Unavailable, Contention, UnknownOutcome) as error:
            logger.bind(import_id=id).info("our mark stays on the import", reason=str(error))

    def drop(self, id: str) -> None:
        held = self._held.pop(id, None)
        if held is None:
            return
        try:
            held.let_go()
        except Unreachable as error:
            logger.bind(import_id=id).info("the lease is left to expire", reason=str(error))
