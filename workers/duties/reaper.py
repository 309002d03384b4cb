"""The reaper: finds workers that died, ends their transactions, and counts the losses.

Overdue transactions are ended before any worker is judged: a living worker gives a transaction up after
TRY_FOR, so one announced longer ago belongs to nobody, whether or not its worker could be heard.

The first loss makes a batch's commands suspects: each then runs in a transaction of its own. Three losses
alone make a command `dead`; three deaths under a batch of 64 must not dead-letter 63 innocents.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from loguru import logger
from pymongo import MongoClient
from pymongo.client_session import ClientSession

from adapters.broker import hints
from adapters.broker.hints import HintBroker, Unheard
from adapters.commands import waiters
from adapters.commands.unit_of_work import TRY_FOR
from adapters.commands.verdict_updates import verdict_update
from adapters.commands.verdicts import dead
from adapters.mongo.client import CODEC, TRANSACTION, Contention, Document, translated
from adapters.mongo.server_time import Primary, read_primary
from adapters.process.metrics import Metrics
from domain.kinds import ENTITIES
from tasks.catalogue import catalogue
from tasks.queues import QUEUES
from workers.duties.duty import Duty
from workers.process.heartbeat import HEARTBEAT

EVERY = HEARTBEAT
GONE = 5 * HEARTBEAT
"""A worker that is silent for longer is dead, unless we could not have heard it."""

GRACE = GONE
"""After an election or an outage, in which no worker could be heard: the time each has to beat again."""

LOSSES = 3
"""Deaths alone that make a command dead."""

LOST: Document = {
    "code": "worker_lost",
    "message": f"the worker died {LOSSES} times while it ran this command alone",
    "class": "WorkerLost",
    "fingerprint": "worker_lost",
}


class Hearing:
    """Whether a worker's silence proves its death: only if we could have heard it all the while."""

    def __init__(self, *, gone: timedelta = GONE, grace: timedelta = GRACE) -> None:
        self._gone = gone
        self._grace = grace
        self._last: Primary | None = None
        self._patient_until: datetime | None = None

    def lapse(self) -> None:
        """The store could not be asked."""
        self._last = None

    def may_judge(self, answer: Primary) -> bool:
        """To be called at every tick. False during the grace after an outage, a gap or an election."""
        seen, self._last = self._last, answer
        if (
            seen is None
            or seen.election_term != answer.election_term
            or not (
                timedelta() <= answer.now - seen.now <= self._gone  # less than none: the clock was set back
            )
        ):
            self._patient_until = answer.now + self._grace
        return self._patient_until is None or answer.now >= self._patient_until


class Reaper:
    """Judges the workers of one database."""

    def __init__(
        self,
        mongo: MongoClient[Any],
        database: str,
        broker: HintBroker,
        metrics: Metrics,
        *,
        gone: timedelta = GONE,
        grace: timedelta = GRACE,
    ) -> None:
        self._mongo = mongo
        self._db = mongo.get_database(database, codec_options=CODEC)
        self._broker = broker
        self.metrics = metrics
        self._gone = gone
        self._hearing = Hearing(gone=gone, grace=grace)

    def tick(self) -> list[str]:
        """Ends overdue transactions and judges every silent worker; returns the ids of the dead ones.

        Safe to repeat, and to die in: each judgment is one transaction. Raises: PyMongoError, Unavailable,
        UnknownOutcome.
        """
        try:
            answer = read_primary(self._db)
            self._end_transactions({"started_at": {"$lt": answer.now - TRY_FOR}})
            return self._judge(answer.now) if self._hearing.may_judge(answer) else []
        except BaseException:
            self._hearing.lapse()
            raise

    def _judge(self, now: datetime) -> list[str]:
        dead = []
        # Further ahead than its own span: beaten by a clock that was set back since, and never again.
        silent = {"$not": {"$gte": now - self._gone, "$lte": now + self._gone}}
        for worker in list(self._db.workers.find({"heartbeat_at": silent})):
            self._end_transactions({"worker": worker["_id"]})
            try:
                self._bury(worker, now)
            except Contention as error:  # it, or somebody else, was at its commands just now: next time
                logger.info("worker not judged yet", worker=worker["_id"], reason=str(error))
            else:
                dead.append(worker["_id"])
        return dead

    def _end_transactions(self, announced: Document) -> None:
        """End these batches' transactions: they would block their documents until the server's own limit."""
        batches = self._db.batches.find({"ids": {"$ne": []}} | announced, ["session"])
        sessions = [{"id": batch["session"]} for batch in batches]
        if sessions:
            self._mongo.admin.command("killSessions", sessions)

    def _bury(self, worker: Document, now: datetime) -> None:
        with translated(), self._mongo.start_session() as session, session.start_transaction(**TRANSACTION):
            # The same heartbeat still: one that spoke up since is alive, and has met our write as a conflict.
            still = {"_id": worker["_id"], "heartbeat_at": worker["heartbeat_at"]}
            if self._db.workers.delete_one(still, session=session).deleted_count != 1:
                raise Contention(f"worker {worker['_id']} has spoken up")
            lost = [
                command
                for batch in list(self._db.batches.find({"worker": worker["_id"]}, session=session))
                for command in self._lose(batch["ids"], now, session)
            ]
            self._db.batches.delete_many({"worker": worker["_id"]}, session=session)
        for command in lost:
            if command["state"] == "dead":
                self.metrics.commands_final.labels(command["type"], "dead").inc()
        self._report(worker, lost)

    def _lose(self, ids: Sequence[str], now: datetime, session: ClientSession) -> list[Document]:
        """Count the loss on the batch's commands that have not ended; returns them as they are then."""
        lost = list(self._db.commands.find({"_id": {"$in": ids}, "active": True}, session=session))
        if len(ids) > 1:
            still = {"_id": {"$in": [command["_id"] for command in lost]}}
            self._db.commands.update_many(still, {"$set": {"suspect": True}}, session=session)
            return lost
        for command in lost:
            losses = command.get("losses", 0) + 1
            update: Document = {"$set": {"suspect": True, "losses": losses}}
            if losses >= LOSSES:
                update = self._death(command, now, session)
                update["$set"]["losses"] = losses
            self._db.commands.update_one({"_id": command["_id"]}, update, session=session)
            if losses >= LOSSES:
                waiters.strand(self._db, session, [command], now, catalogue())
                command["state"] = "dead"
        return lost

    def _death(self, command: Document, now: datetime, session: ClientSession) -> Document:
        """The verdict `dead` and its event."""
        verdict = dead(
            command,
            catalogue().get(command["type"]),
            LOST,
            at=now,
            attempts=command["attempts"],
            entity_version=self._version(command, session),
        )
        self._db.events.insert_many(verdict.events, session=session)
        return verdict_update(verdict, now=now)

    def _version(self, command: Document, session: ClientSession) -> int | None:
        """The target's version at the command's death: a replay starts from there."""
        kind, _, id = command["target"].partition(":")
        if kind not in ENTITIES:
            return None
        query = {"_id": f"{command['tenant_id']}/{id}"}
        found = self._db[ENTITIES[kind].collection].find_one(query, {"version": 1}, session=session)
        return found["version"] if found else None

    def _report(self, worker: Document, lost: Sequence[Document]) -> None:
        logger.warning(
            "worker lost",
            worker=worker["_id"],
            host=worker.get("host"),
            pid=worker.get("pid"),
            commands=len(lost),
        )
        try:
            for queue in QUEUES:
                lines = [(row["tenant_id"], row["target"]) for row in lost if row["queue"] == queue]
                hints.send(self._broker, queue, lines)
        except Unheard as error:
            logger.info("hints left to the relay", reason=str(error))


def reaper_duty(reaper: Reaper) -> Duty:
    def tick() -> timedelta:
        reaper.tick()
        return EVERY

    return Duty("reaper", tick)
