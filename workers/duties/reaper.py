"""The reaper: finds workers that died, frees what their transactions hold, and counts the losses.

What is held is freed before anybody is judged: a living worker gives a transaction up after TRY_FOR, so one
that was announced longer ago is nobody's any more, whoever could or could not be heard.

The first loss makes a batch's commands suspects: each then runs in a transaction of its own. Three losses
alone make a command `dead`; three deaths under a batch of 64 must not dead-letter 63 innocents.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from dramatiq import Broker
from loguru import logger
from pymongo import MongoClient
from pymongo.client_session import ClientSession

from adapters.broker import hints
from adapters.broker.hints import Unheard
from adapters.commands import waiters
from adapters.commands.document import KEYS_KEPT, QUEUES, event
from adapters.commands.unit_of_work import TRY_FOR
from adapters.commands.verdicts import Verdict, blocking, verdict_update
from adapters.mongo.client import CODEC, TRANSACTION, Contention, Document, translated
from adapters.mongo.server_time import Primary, read_primary
from adapters.process.metrics import Metrics
from domain.kinds import ENTITIES
from tasks.catalogue import catalogue
from workers.process.heartbeat import HEARTBEAT

EVERY = HEARTBEAT
GONE = 5 * HEARTBEAT
"""A worker silent for longer is dead, unless we could not have heard it."""

GRACE = GONE
"""After an election or an outage nobody could be heard: everyone has this time to speak up again."""

LOSSES = 3
"""Deaths alone that make a command dead."""

LOST: Document = {
    "code": "worker_lost",
    "message": f"the worker died {LOSSES} times while it ran this command alone",
    "class": "WorkerLost",
    "fingerprint": "worker_lost",
}


class Attention:
    """Whether silence proves death: only of those whom we could have heard all the while."""

    def __init__(self, *, gone: timedelta = GONE, grace: timedelta = GRACE) -> None:
        self._gone = gone
        self._grace = grace
        self._last: Primary | None = None
        self._patient_until: datetime | None = None

    def lapse(self) -> None:
        """The store could not be asked."""
        self._last = None

    def may_judge(self, told: Primary) -> bool:
        """To be asked at every tick. False for a grace after a lapse, a gap or an election."""
        seen, self._last = self._last, told
        if seen is None or seen.election_term != told.election_term or told.now - seen.now > self._gone:
            self._patient_until = told.now + self._grace
        return self._patient_until is None or told.now >= self._patient_until


class Reaper:
    """Buries the dead of one database."""

    def __init__(
        self,
        mongo: MongoClient[Any],
        database: str,
        broker: Broker,
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
        self._attention = Attention(gone=gone, grace=grace)

    def tick(self) -> list[str]:
        """Ends what is overdue and judges every silent worker; returns those found dead.

        Safe to repeat, and to die in: each judgment is one transaction. Raises: PyMongoError, Unavailable,
        UnknownOutcome.
        """
        try:
            told = read_primary(self._db)
            self._free({"started_at": {"$lt": told.now - TRY_FOR}})
            return self._judge(told.now) if self._attention.may_judge(told) else []
        except BaseException:
            self._attention.lapse()
            raise

    def _judge(self, now: datetime) -> list[str]:
        dead = []
        for worker in list(self._db.workers.find({"heartbeat_at": {"$lt": now - self._gone}})):
            self._free({"worker": worker["_id"]})
            try:
                self._bury(worker, now)
            except Contention as error:  # it, or somebody else, was at its commands just now: next time
                logger.info("worker not judged yet", worker=worker["_id"], reason=str(error))
            else:
                dead.append(worker["_id"])
        return dead

    def _free(self, announced: Document) -> None:
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
        self._tell(worker, lost)

    def _lose(self, ids: Sequence[str], now: datetime, session: ClientSession) -> list[Document]:
        """Write one batch's loss on those of its commands that are not settled; returns them as left."""
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
                waiters.strand(self._db, session, [command], now)
                command["state"] = "dead"
        return lost

    def _death(self, command: Document, now: datetime, session: ClientSession) -> Document:
        """The verdict `dead` and its event."""
        told = {name: LOST[name] for name in ("code", "message")}
        died = event(command, command.get("events", 0), "command.dead", at=now, data=told)
        self._db.events.insert_one(died, session=session)
        verdict = Verdict(
            command=command,
            state="dead",
            events=[died],
            error=LOST,
            attempts=command["attempts"],
            entity_version=self._version(command, session),
            marks=blocking(command, catalogue().get(command["type"])),
        )
        return verdict_update(verdict, now=now, keys_kept=KEYS_KEPT)

    def _version(self, command: Document, session: ClientSession) -> int | None:
        """The target's version at the command's death: a replay starts from there."""
        kind, _, id = command["target"].partition(":")
        if kind not in ENTITIES:
            return None
        query = {"_id": f"{command['tenant_id']}/{id}"}
        found = self._db[ENTITIES[kind].collection].find_one(query, {"version": 1}, session=session)
        return found["version"] if found else None

    def _tell(self, worker: Document, lost: Sequence[Document]) -> None:
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
