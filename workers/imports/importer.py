"""The importer: one thread of each worker process, which takes open imports in turn, each under a lease.

Doing a row twice is harmless, because every command's key comes from its row.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from loguru import logger
from pymongo.database import Database

from adapters.broker.hints import Unheard
from adapters.commands.document import TargetQueue
from adapters.imports.report import import_view, running_commands
from adapters.imports.store import OPEN, end_update
from adapters.mongo.client import Contention, Document, Unavailable, UnknownOutcome, translated
from adapters.process.metrics import Metrics
from domain.importing.table import BadFile
from locks.fence import fenced, stamped
from locks.lease import Lease, Leases, Unreachable
from tasks.catalogue import Catalogue
from workers.imports.claim import LEASE, MOST_FAILURES, Held, Hold, Hopeless
from workers.imports.run import CHUNK_ROWS, MOST_ACTIVE, Hint, Lost, Run

IDLE = timedelta(seconds=1)
LEAVE_WITHIN = timedelta(seconds=5)
WAITING = timedelta(milliseconds=50)
"""Between looks at an import whose commands must first be applied."""

MOST_SENDING = 2
"""Imports of one tenant whose rows are sent at once, the oldest first: who has many slows nobody else."""

GIVEN_UP = {"code": "internal_error", "message": "the import met a fault of ours"}


class Importer:
    """`start` and `stop` its thread, or call `tick` in a test."""

    def __init__(
        self,
        db: Database[Any],
        catalogue: Catalogue,
        *,
        send: Callable[[str, list[TargetQueue]], None],
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        monotonic: Callable[[], float],
        metrics: Metrics,
        worker: str,
        chunk_rows: int = CHUNK_ROWS,
        most_active: int = MOST_ACTIVE,
        lease_ttl: timedelta = LEASE,
    ) -> None:
        """`send(queue, lines)` hints, or raises Unheard. `worker` is the id of this process and no other."""
        self._db = db
        self._catalogue = catalogue
        self._send = send
        self._now = now
        self._new_id = new_id
        self._metrics = metrics
        self._chunk_rows = chunk_rows
        self._most_active = most_active
        leases = Leases(db["leases"], monotonic=monotonic, new_owner=new_id)
        self._hold = Hold(db, leases, self._run, worker=worker, ttl=lease_ttl, monotonic=monotonic)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="importer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends after the chunk in hand; others go on from there at once."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(LEAVE_WITHIN.total_seconds())
        self._hold.leave_all()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def tick(self) -> timedelta:
        """One step of each open import that is ours. Returns how long to rest. Raises: Unavailable."""
        with translated():
            open_ones = list(_in_turn(self._db.imports.find({"active": True}).sort("_id")))
        self._hold.keep_only({found["_id"] for found in open_ones})
        rests = [self._attend(found) for found in open_ones if not self._stopped.is_set()]
        return min(rests, default=IDLE)

    def _work(self) -> None:
        rest = timedelta()
        while not self._stopped.wait(rest.total_seconds()):
            try:
                rest = self.tick()
            except Exception as error:  # noqa: BLE001 - the drains of this process must not pay for it
                known = isinstance(error, Unavailable | Contention | UnknownOutcome)
                logger.opt(exception=not known).warning("imports wait", reason=str(error))
                rest = IDLE

    def _attend(self, found: Document) -> timedelta:
        """One step of one import, and what becomes of it if that fails."""
        id = found["_id"]
        try:
            held = self._hold.take(found)
            return IDLE if held is None else self._advance(found, held)
        except (Unavailable, Contention, UnknownOutcome, Unreachable) as error:
            logger.bind(import_id=id).warning("the import waits for the store", reason=str(error))
        except Lost:
            logger.bind(import_id=id).info("the import is another's now, or cancelled")
            self._hold.leave(id)
        except BadFile as bad:
            self._fail(found, {"code": bad.code, "message": bad.message})
        except Hopeless:
            self._fail(found, GIVEN_UP)
        except Exception:  # noqa: BLE001 - whatever it is, it must not end the thread, and ends the import
            logger.exception("the import met a fault of ours", import_id=id)
            self._count_failure(found)
        return IDLE

    def _run(self, found: Document) -> Run:
        return Run(
            self._db,
            found,
            self._catalogue,
            now=self._now,
            new_id=self._new_id,
            hint=self._hinter(found["_id"]),
            count=self._count,
            chunk_rows=self._chunk_rows,
            most_active=self._most_active,
        )

    def _count(self, accepted: Sequence[Document]) -> None:
        for type, number in Counter(command["type"] for command in accepted).items():
            self._metrics.commands_accepted.labels(type).inc(number)

    def _hinter(self, id: str) -> Hint:
        def hint(lines: Any) -> None:
            try:
                self._send("bulk", list(lines))
            except Unheard as error:
                logger.bind(import_id=id).info("hints left to the relay", lines=len(lines), reason=str(error))

        return hint

    def _advance(self, found: Document, held: Held) -> timedelta:
        if not held.run.exhausted:
            return timedelta() if held.run.step(held.keeper.lease) else WAITING
        with translated():
            if running_commands(self._db, found["tenant_id"], found["_id"], most=1):
                return WAITING
            self._finish(found, held.keeper.lease)
        return timedelta()

    def _finish(self, found: Document, lease: Lease) -> None:
        last = self._db.imports.find_one({"_id": found["_id"]}) or found
        counts = msgspec.to_builtins(import_view(self._db, last).counts)
        self._end(found, lease, end_update("done", at=self._now(), counts=counts))
        logger.bind(import_id=found["_id"], tenant_id=found["tenant_id"], **counts).info("import done")

    def _fail(self, found: Document, error: Document) -> None:
        logger.bind(import_id=found["_id"], tenant_id=found["tenant_id"], **error).error("import failed")
        with translated():
            update = end_update("failed", at=self._now(), error=error)
            self._db.imports.update_one({"_id": found["_id"], "state": {"$in": list(OPEN)}}, update)
        self._hold.drop(found["_id"])

    def _count_failure(self, found: Document) -> None:
        """The run starts anew from its cursor; at last the import is given up."""
        self._hold.drop(found["_id"])
        with translated():
            self._db.imports.update_one({"_id": found["_id"]}, {"$inc": {"failures": 1}})
        if found["failures"] + 1 >= MOST_FAILURES:
            self._fail(found, GIVEN_UP)

    def _end(self, found: Document, lease: Lease, update: Document) -> None:
        mine = fenced({"_id": found["_id"], "state": {"$in": list(OPEN)}}, lease)
        if self._db.imports.update_one(mine, stamped(update, lease)).matched_count != 1:
            raise Lost(found["_id"])
        self._hold.drop(found["_id"])


def _in_turn(open_ones: Iterable[Document]) -> Iterator[Document]:
    """Those to be attended to, oldest first: MOST_SENDING of each tenant, and all whose rows are sent."""
    sending: Counter[str] = Counter()
    for found in open_ones:
        if "sent_at" not in found:
            sending[found["tenant_id"]] += 1
            if sending[found["tenant_id"]] > MOST_SENDING:
                continue
        yield found
