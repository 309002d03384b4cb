"""One drain's transaction: reads the heads of lines and what they need, writes all that follows, commits.

Verdicts are written here only, inside the transaction, and filtered on `active`: whoever settles a command
that somebody else has just settled gets `Contention`, writes nothing, and reads again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import bson
import pymongo
from pymongo import MongoClient, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.commands import waiters
from adapters.commands.acceptance import key_of, keys_filter
from adapters.commands.changes import Changes, Created, Ref, Written
from adapters.commands.document import TargetQueue, is_stored
from adapters.commands.line_heads import Heads, read_heads
from adapters.commands.verdict_updates import new_document, verdict_update
from adapters.commands.verdicts import Verdict, is_ending, reapplied
from adapters.mongo.client import (
    CODEC,
    MAJORITY,
    PLAIN,
    TRANSACTION,
    UNJOURNALED,
    Contention,
    Document,
    UnknownOutcome,
    Unwritable,
    translated,
)
from tasks.catalogue import Catalogue

TRY_FOR = timedelta(seconds=6)
"""Bound on one transaction: a store that is silent longer is away, which is no fault of the batch. Two such
waits stay below the watchdog's limit."""

COMMIT_TRIES = 3
EVENTS_READ = 500
"""Who saw a version more than so many events ago is events to look again."""


class UnitOfWork:
    """One slot of a worker: a session that runs one transaction at a time."""

    def __init__(
        self, mongo: MongoClient[Any], database: str, catalogue: Catalogue, *, worker: str, slot: int
    ) -> None:
        self._catalogue = catalogue
        self._is_announced = False
        self._session: ClientSession = mongo.start_session()
        self.db: Database[Any] = mongo.get_database(database, codec_options=CODEC)
        self._batches = self.db.get_collection("batches", write_concern=UNJOURNALED)
        self._counters = self.db.get_collection("counters", codec_options=PLAIN, write_concern=MAJORITY)
        self._lsid = (self._session.session_id or {})["id"]
        self._announcement = {"_id": f"{worker}:{slot}", "worker": worker}

    @property
    def session(self) -> ClientSession:
        return self._session

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits at the end of the block, aborts when it raises.

        Raises: Contention, UnknownOutcome, Unavailable, Unwritable.
        """
        with translated(), pymongo.timeout(TRY_FOR.total_seconds()):
            self._session.start_transaction(**TRANSACTION)
            try:
                yield
            except BaseException:
                self._session.abort_transaction()
                raise
            self._commit()

    def _commit(self) -> None:
        for left in reversed(range(COMMIT_TRIES)):
            try:
                with translated():
                    self._session.commit_transaction()
                return
            except UnknownOutcome:
                if not left:
                    raise

    def announce(self, ids: Sequence[str], at: datetime) -> None:
        """Say outside the transaction which commands are about to run: the reaper's only evidence, should
        this process die of them. Unjournaled: it has to survive us, not the server."""
        with translated():
            announcement = self._announcement | {
                "session": self._lsid,
                "ids": list(ids),
                "started_at": at,
            }
            self._is_announced = True
            self._batches.replace_one({"_id": announcement["_id"]}, announcement, upsert=True)

    def withdraw(self, now: Callable[[], datetime]) -> None:
        """Nothing runs any more: take the announcement back, if there is one, lest a death be blamed on
        commands that have ended."""
        if self._is_announced:
            self.announce([], now())
            self._is_announced = False

    def take_numbers(self, tenant_id: str, kind: str, count: int) -> range:
        """Human numbers for this kind, outside the transaction: durable, rising, never given out twice."""
        with translated():
            counter = self._counters.find_one_and_update(
                {"_id": f"{tenant_id}/{kind}"},
                {"$inc": {"last": count}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        last: int = (counter or {})["last"]
        return range(last - count + 1, last + 1)

    # -- reading ------------------------------------------------------------------------------------------

    def heads(self, lines: Sequence[TargetQueue]) -> Heads:
        """The first active commands of these lines, within one batch's bounds."""
        return read_heads(self.db, self._session, lines)

    @translated()
    def fetch(self, refs: Iterable[Ref]) -> dict[Ref, Document]:
        """The documents that exist, one query per collection. Raises: Contention, Unavailable."""
        by_collection: dict[str, list[str]] = {}
        for collection, id in refs:
            by_collection.setdefault(collection, []).append(id)
        found: dict[Ref, Document] = {}
        for collection, ids in by_collection.items():
            query = {"_id": {"$in": ids}}
            for document in self.db[collection].find(query, session=self._session).batch_size(len(ids) + 1):
                found[collection, document["_id"]] = document
        return found

    @translated()
    def changed_since(self, line: TargetQueue, version: int) -> list[Document]:
        """The line's latest events above this version, oldest first; never more than EVENTS_READ."""
        query = {
            "tenant_id": line[0],
            "target": line[1],
            "version": {"$gt": version},
        }
        wanted = ["paths", "actor", "at", "version", "was"]
        found = self.db.events.find(query, wanted, session=self._session).sort("version", -1)
        return list(found.limit(EVENTS_READ).batch_size(EVENTS_READ))[::-1]

    @translated()
    def blockers(self, lines: Iterable[TargetQueue]) -> list[Document]:
        """The commands that block a lane of these lines."""
        by_tenant: dict[str, list[str]] = {}
        for tenant_id, target in lines:
            by_tenant.setdefault(tenant_id, []).append(target)
        found: list[Document] = []
        for tenant_id, targets in by_tenant.items():
            query = {"tenant_id": tenant_id, "target": {"$in": targets}, "blocks": {"$exists": True}}
            wanted = ["tenant_id", "target", "state", "blocks", "origin"]
            found += self.db.commands.find(query, wanted, session=self._session)
        return found

    @translated()
    def find_creates(self, tenant_id: str, target: str) -> list[Document]:
        """The creates of an absent entity that are on their way, parked or dead, in order of acceptance."""
        return waiters.find_creates(self.db, self._session, self._catalogue, tenant_id, target)

    @translated()
    def unknown(self, fresh: list[Document]) -> list[Document]:
        """Those that were not accepted before. Derived names are idempotency keys, looked up first: a
        duplicate key inside the transaction would abort the whole batch, every time."""
        if not fresh:
            return []
        wanted = ["tenant_id", "idempotency.scope", "idempotency.key"]
        found = self.db.commands.find(keys_filter(fresh), wanted, session=self._session)
        known = {key_of(row) for row in found}
        return [row for row in fresh if key_of(row) not in known]

    # -- writing ------------------------------------------------------------------------------------------

    def write(self, changes: Changes, *, now: datetime, keys_kept: timedelta) -> list[TargetQueue]:
        """Everything, in few bulk commands. Returns the lines that it woke or began.

        Raises: Contention, Unwritable.
        """
        with translated():
            self._write_verdicts(changes, now, keys_kept)
            created, known = self._new(changes.created)
            self._write_entities(changes, created)
            self._guard(changes.guards)
            rows = [row for is_new, row in changes.entries.values() if is_new]
            self._insert("entries", rows + [row for one in created.values() for row in one.rows])
            self._update(
                "entries", [(id, row) for id, (is_new, row) in changes.entries.items() if not is_new]
            )
            events = (event for verdict in changes.verdicts for event in verdict.events)
            self._insert("events", [event for event in events if event["_id"] not in known])
            lines = self._insert_follow_ups(changes)
            self._warn(changes.warned)
            if resolving := [one for one in changes.verdicts if "resolves" in one.command]:
                resolved = reapplied(resolving)
                lines += waiters.resolve(self.db, self._session, resolved, now=now, keys_kept=keys_kept)
            return lines + self._wake_waiters(changes.verdicts, now)

    def _write_verdicts(self, changes: Changes, now: datetime, keys_kept: timedelta) -> None:
        """One statement for all commands that end alike: most end `applied` at the first attempt, and a
        statement of its own costs each half as much again."""
        stored: list[Verdict] = []
        fresh: list[Verdict] = []
        for verdict in changes.verdicts:
            (stored if is_stored(verdict.command) else fresh).append(verdict)
        self._insert("commands", [new_document(verdict, now=now, keys_kept=keys_kept) for verdict in fresh])
        alike: dict[bytes, tuple[list[str], Document]] = {}
        for verdict in stored:
            update = verdict_update(verdict, now=now, keys_kept=keys_kept)
            ids, _ = alike.setdefault(bson.encode(update, codec_options=CODEC), ([], update))
            ids.append(verdict.command["_id"])
        statements = [
            {"q": {"_id": {"$in": ids}, "active": True}, "u": update, "multi": True}
            for ids, update in alike.values()
        ]
        self._run_updates("commands", statements, expected=len(stored))
        # After the verdicts: one waited for may have had its own in this very batch.
        for predecessor, waiter in changes.awaited:
            waiters.await_ending(self.db, self._session, predecessor, waiter)

    def _new(self, created: dict[Ref, Created]) -> tuple[dict[Ref, Created], set[str]]:
        """Those that are not there yet, and the ids of the events that tell of the others. Looked up first,
        as keys are."""
        known: set[Ref] = set()
        for collection in {collection for collection, _ in created}:
            ids = [id for name, id in created if name == collection]
            found = self.db[collection].find({"_id": {"$in": ids}}, {"_id": 1}, session=self._session)
            known |= {(collection, row["_id"]) for row in found}
        new = {ref: one for ref, one in created.items() if ref not in known}
        return new, {created[ref].event_id for ref in known}

    def _write_entities(self, changes: Changes, created: dict[Ref, Created]) -> None:
        # By `_id` alone, which is the server's fast path: that nobody changed them since we read them is what
        # the snapshot is for, a concurrent change is a write conflict.
        for collection in {collection for collection, _ in [*changes.entities, *created]}:
            mine = [(id, one) for (name, id), one in changes.entities.items() if name == collection]
            beside = [one.document for (name, _), one in created.items() if name == collection]
            self._insert(collection, [one.document for _, one in mine if one.is_new] + beside)
            updates = [(id, one) for id, one in mine if not one.is_new]
            self._update(collection, [(id, {"$set": _written(one)}) for id, one in updates])

    def _guard(self, refs: set[Ref]) -> None:
        # A write of our own makes any concurrent change of the document a write conflict.
        for collection, id in refs:
            self._update(collection, [(id, {"$inc": {"guards": 1}})])

    def _insert_follow_ups(self, changes: Changes) -> list[TargetQueue]:
        """Insert the follow-ups that are new. Returns their target queues."""
        if not changes.follow_ups:
            return []
        changes.accepted_follow_ups = new = self.unknown(changes.follow_ups)
        self._insert("commands", new)
        return [(row["tenant_id"], row["target"]) for row in new]

    def _warn(self, warned: dict[str, list[Document]]) -> None:
        """On the parents' receipts, once those are stored."""
        statements = [
            {"q": {"_id": id}, "u": {"$push": {"warnings": {"$each": rows}}}} for id, rows in warned.items()
        ]
        # A parent may be purged by now: nobody is left to read the warning.
        self._run_updates("commands", statements, expected=None)

    def _wake_waiters(self, verdicts: list[Verdict], now: datetime) -> list[TargetQueue]:
        awaited = [verdict for verdict in verdicts if "awaited" in verdict.command]
        stuck = [verdict.command for verdict in awaited if verdict.state in ("dead", "parked")]
        ended = [v.command for v in awaited if is_ending(v.state) and v.state != "dead"]
        released = waiters.release(self.db, self._session, ended) if ended else []
        return released + (self._strand(stuck, now) if stuck else [])

    def _strand(self, stuck: list[Document], now: datetime) -> list[TargetQueue]:
        return waiters.strand(self.db, self._session, stuck, now, self._catalogue)

    # -- the wire: one server command per collection and kind of write; the driver's bulk classes cost more
    # -- per operation than the server does.

    def _insert(self, collection: str, documents: list[Document]) -> None:
        if documents:
            self._run({"insert": collection, "documents": documents}, expected=len(documents))

    def _update(self, collection: str, updates: list[tuple[str, Document]]) -> None:
        statements = [{"q": {"_id": id}, "u": update} for id, update in updates]
        self._run_updates(collection, statements, expected=len(updates))

    def _run_updates(self, collection: str, statements: list[Document], *, expected: int | None) -> None:
        if statements:
            self._run({"update": collection, "updates": statements}, expected=expected)

    def _run(self, command: Document, *, expected: int | None) -> None:
        reply = self.db.command(command, codec_options=CODEC, session=self._session)
        for refusal in reply.get("writeErrors", ()):
            taken = list(refusal.get("keyPattern", ()))
            raise Unwritable(refusal["errmsg"], code=refusal["code"], taken=taken)
        if expected is not None and reply["n"] != expected:
            raise Contention(f"{expected - reply['n']} documents have changed since they were read")


def _written(entity: Written) -> Document:
    """The fields that make the old document this one."""
    return {name: entity.document[name] for name in entity.fields}
