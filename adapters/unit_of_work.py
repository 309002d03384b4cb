"""One drain's transaction: reads the heads of lines and what they need, writes all that follows, commits.

Verdicts are written here only, inside the transaction, and filtered on `active`: whoever settles a command
that somebody else has just settled gets `Contention`, writes nothing, and reads again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec
from bson.errors import InvalidDocument
from pymongo import MongoClient, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters import waiters
from adapters.commands import HISTORY, KEYS_KEPT, RUNNABLE, State
from adapters.hints import Line
from adapters.mongo import (
    CODEC,
    MAJORITY,
    TRANSACTION,
    UNJOURNALED,
    Contention,
    Document,
    UnknownOutcome,
    Unwritable,
    translated,
)
from tasks.catalogue import Catalogue

PER_LINE = 32
PER_BATCH = 200
BYTES = 4 * 1024 * 1024
COMMIT_TRIES = 3

Ref = tuple[str, str]
"""(collection, document id)."""


class Heads(msgspec.Struct, frozen=True):
    """The first active commands of each line, in order.

    `more`: lines that hold more than their share. `unread`: lines the budget did not reach.
    """

    lines: dict[Line, list[Document]]
    more: list[Line]
    unread: list[Line]


class Verdict(msgspec.Struct, kw_only=True):
    """What one command comes to. `state` may stay `accepted`, with `after`: it waits."""

    command: Document
    state: State
    events: list[Document]
    error: Document | None = None
    warnings: list[Document] = []
    result: Document | None = None
    next_at: datetime | None = None
    attempts: int = 0
    after: list[str] = []
    entity_version: int | None = None


class Changes(msgspec.Struct, kw_only=True):
    """All that a batch wants written."""

    verdicts: list[Verdict] = []
    entities: dict[Ref, tuple[int | None, Document]] = {}
    """By reference: the version it replaces (None: it is new) and the whole new document."""
    entries: dict[str, tuple[bool, Document]] = {}
    """Ledger rows by id: whether the row is new, and the row."""
    follow_ups: list[Document] = []
    guards: set[Ref] = set()
    """Entities that must not change until we commit."""
    awaited: list[Document] = []
    """Commands that some of the verdicts wait for."""
    warned: dict[str, list[Document]] = {}
    """Warnings for parents' receipts, by command id."""


class UnitOfWork:
    """One slot of a worker: a session that runs one transaction at a time."""

    def __init__(self, mongo: MongoClient[Any], database: str, *, worker: str, slot: int) -> None:
        self._session: ClientSession = mongo.start_session()
        self.db: Database[Any] = mongo.get_database(database, codec_options=CODEC)
        self._batches = self.db.get_collection("batches", write_concern=UNJOURNALED)
        self._counters = self.db.get_collection("counters", write_concern=MAJORITY)
        self._announcement = {"_id": f"{worker}:{slot}", "worker": worker}

    @property
    def session(self) -> ClientSession:
        return self._session

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits at the end of the block, aborts when it raises.

        Raises: Contention, UnknownOutcome, Unavailable, Unwritable.
        """
        with translated():
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
                    return self._session.commit_transaction()
            except UnknownOutcome:
                if not left:
                    raise

    def announce(self, ids: Sequence[str], at: datetime) -> None:
        """Say outside the transaction which commands are about to run: the reaper's only evidence, should
        this process die of them. Unjournaled: it has to survive us, not the server."""
        with translated():
            announcement = self._announcement | {
                "session": self._session.session_id["id"],
                "ids": list(ids),
                "started_at": at,
            }
            self._batches.replace_one({"_id": announcement["_id"]}, announcement, upsert=True)

    def take_numbers(self, tenant_id: str, kind: str, count: int) -> range:
        """Human numbers for this kind, outside the transaction: durable, rising, and never given out twice."""
        with translated():
            counter = self._counters.find_one_and_update(
                {"_id": f"{tenant_id}/{kind}"},
                {"$inc": {"last": count}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        last: int = counter["last"]
        return range(last - count + 1, last + 1)

    # -- reading ------------------------------------------------------------------------------------------

    def heads(self, lines: Sequence[Line]) -> Heads:
        """At most PER_BATCH commands and BYTES of payload, and of one line among many at most PER_LINE.

        Lines are read in index order; one query takes whole lines until the budget is spent, and goes on
        behind a line that has more than its share: a plain sorted and limited find lets one hot line starve
        all that sort after it.
        """
        budget = _Budget(share=max(PER_LINE, PER_BATCH // len(lines)))
        left = sorted(lines)
        while left and not budget.spent:
            limit = PER_BATCH - budget.count + budget.share + 1
            page = self._page(left, limit)
            wanted = set(left)
            for command in page:
                line = (command["tenant_id"], command["target"])
                if line in wanted:
                    budget.offer(line, command)
            if len(page) < limit:
                left = []
            else:
                last = (page[-1]["tenant_id"], page[-1]["target"])
                budget.more.add(last)
                left = [line for line in left if line > last]
        return Heads(budget.taken, sorted(budget.more & budget.taken.keys()), sorted({*left, *budget.more} - budget.taken.keys()))

    def _page(self, lines: Sequence[Line], limit: int) -> list[Document]:
        query = {
            "tenant_id": {"$in": list({tenant for tenant, _ in lines})},
            "target": {"$in": [target for _, target in lines]},
            "active": True,
            "state": {"$in": RUNNABLE},
        }
        order = [("tenant_id", 1), ("target", 1), ("seq", 1)]
        # One round trip: the default first batch holds 101 documents.
        return list(self.db.commands.find(query, session=self._session).sort(order).limit(limit).batch_size(limit))

    def fetch(self, refs: Iterable[Ref]) -> dict[Ref, Document]:
        """The documents that exist, one query per collection."""
        by_collection: dict[str, list[str]] = {}
        for collection, id in refs:
            by_collection.setdefault(collection, []).append(id)
        found: dict[Ref, Document] = {}
        for collection, ids in by_collection.items():
            query = {"_id": {"$in": ids}}
            for document in self.db[collection].find(query, session=self._session).batch_size(len(ids) + 1):
                found[collection, document["_id"]] = document
        return found

    def changed_since(self, line: Line, version: int) -> list[Document]:
        """The line's events that raised the entity's version above this one, oldest first."""
        query = {"tenant_id": line[0], "target": line[1], "version": {"$gt": version}}
        return list(self.db.events.find(query, session=self._session).sort("version", 1))

    def find_create(self, catalogue: Catalogue, tenant_id: str, target: str) -> Document | None:
        """The create of an entity that does not exist, if it is on its way or dead."""
        return waiters.find_create(self.db, self._session, catalogue, tenant_id, target)

    # -- writing ------------------------------------------------------------------------------------------

    def write(self, changes: Changes, *, now: datetime, keys_kept: timedelta = KEYS_KEPT) -> list[Line]:
        """Everything, in few bulk commands. Returns the lines that it woke or began.

        Raises: Contention, Unwritable.
        """
        with translated():
            self._settle(changes, now, keys_kept)
            self._write_entities(changes)
            self._guard(changes.guards)
            self._insert("entries", [row for is_new, row in changes.entries.values() if is_new])
            self._replace("entries", [(row["_id"], None, row) for is_new, row in changes.entries.values() if not is_new])
            self._insert("events", [event for verdict in changes.verdicts for event in verdict.events])
            begun = self._insert_follow_ups(changes.follow_ups)
            return begun + self._release(changes.verdicts)

    def _settle(self, changes: Changes, now: datetime, keys_kept: timedelta) -> None:
        self._update(
            "commands",
            [
                ({"_id": verdict.command["_id"], "active": True}, verdict_update(verdict, now=now, keys_kept=keys_kept))
                for verdict in changes.verdicts
            ],
        )
        self._update(
            "commands",
            [({"_id": id}, {"$push": {"warnings": {"$each": rows}}}) for id, rows in changes.warned.items()],
        )
        # After the verdicts: one waited for may have had its own in this very batch.
        for predecessor in changes.awaited:
            waiters.await_ending(self.db, self._session, predecessor)

    def _write_entities(self, changes: Changes) -> None:
        new: dict[str, list[Document]] = {}
        old: dict[str, list[tuple[str, int | None, Document]]] = {}
        for (collection, id), (version, document) in changes.entities.items():
            if version is None:
                new.setdefault(collection, []).append(document)
            else:
                old.setdefault(collection, []).append((id, version, document))
        for collection, documents in new.items():
            self._insert(collection, documents)
        for collection, replacements in old.items():
            self._replace(collection, replacements)

    def _guard(self, refs: set[Ref]) -> None:
        # A write of our own makes any concurrent change of the document a write conflict.
        for collection, id in refs:
            self._update(collection, [({"_id": id}, {"$inc": {"guards": 1}})])

    def _insert_follow_ups(self, documents: list[Document]) -> list[Line]:
        """Derived names are idempotency keys, looked up first: a duplicate key inside the transaction would
        abort the whole batch, every time."""
        if not documents:
            return []
        keys = [document["idempotency"]["key"] for document in documents]
        query = {
            "tenant_id": {"$in": list({document["tenant_id"] for document in documents})},
            "idempotency.scope": "follow_up",
            "idempotency.key": {"$in": keys},
        }
        known = {
            (row["tenant_id"], row["idempotency"]["key"])
            for row in self.db.commands.find(query, {"tenant_id": 1, "idempotency.key": 1}, session=self._session)
        }
        fresh = [row for row in documents if (row["tenant_id"], row["idempotency"]["key"]) not in known]
        self._insert("commands", fresh)
        return [(row["tenant_id"], row["target"]) for row in fresh]

    def _release(self, verdicts: list[Verdict]) -> list[Line]:
        ended: dict[str, list[str]] = {}
        for verdict in verdicts:
            if verdict.command.get("awaited") and is_ending(verdict.state) and verdict.state != "dead":
                ended.setdefault(verdict.command["tenant_id"], []).append(verdict.command["_id"])
        woken: list[Line] = []
        for tenant_id, ids in ended.items():
            woken += waiters.release(self.db, self._session, tenant_id, ids)
        return woken

    # -- the wire: one server command per collection and kind of write; the driver's bulk classes cost more
    # -- per operation than the server does.

    def _insert(self, collection: str, documents: list[Document]) -> None:
        if documents:
            self._run({"insert": collection, "documents": documents}, expected=len(documents))

    def _replace(self, collection: str, rows: list[tuple[str, int | None, Document]]) -> None:
        self._update(
            collection,
            [({"_id": id} if version is None else {"_id": id, "version": version}, row) for id, version, row in rows],
        )

    def _update(self, collection: str, updates: list[tuple[Document, Document]]) -> None:
        if updates:
            statements = [{"q": query, "u": update} for query, update in updates]
            self._run({"update": collection, "updates": statements}, expected=len(updates))

    def _run(self, command: Document, *, expected: int) -> None:
        try:
            reply = self.db.command(command, codec_options=CODEC, session=self._session)
        except InvalidDocument as error:
            raise Unwritable(str(error)) from error
        for error in reply.get("writeErrors", ()):
            raise Unwritable(error["errmsg"], code=error["code"])
        if reply["n"] != expected:
            raise Contention(f"{expected - reply['n']} documents have changed since they were read")


class _Budget:
    """What one batch may still take."""

    def __init__(self, *, share: int) -> None:
        self.share = share
        self.count = 0
        self.size = 0
        self.taken: dict[Line, list[Document]] = {}
        self.more: set[Line] = set()

    @property
    def spent(self) -> bool:
        return self.count >= PER_BATCH or self.size >= BYTES

    def offer(self, line: Line, command: Document) -> None:
        if self.spent or len(self.taken.get(line, ())) >= self.share:
            self.more.add(line)
            return
        self.taken.setdefault(line, []).append(command)
        self.count += 1
        self.size += len(msgspec.json.encode(command["payload"]))


def is_ending(state: State) -> bool:
    return state not in ("accepted", "retrying", "parked")


def verdict_update(verdict: Verdict, *, now: datetime, keys_kept: timedelta) -> Document:
    """The update that writes a verdict on its command."""
    to_set: Document = {"state": verdict.state, "attempts": verdict.attempts}
    to_unset: Document = {}
    if is_ending(verdict.state):
        to_set["finished_at"] = now
        if verdict.state != "dead":
            to_set["purge_at"] = now + keys_kept
        to_unset |= {"active": "", "next_at": "", "hint_at": "", "after": "", "suspect": ""}
    elif verdict.next_at is not None:
        to_set["next_at"] = verdict.next_at
    else:
        to_set["after"] = verdict.after
        to_unset["next_at"] = ""
    if verdict.error is not None:
        to_set["error"] = verdict.error
    elif "error" in verdict.command:
        to_unset["error"] = ""
    if verdict.result:
        to_set["result"] = verdict.result
    if verdict.warnings:
        to_set["warnings"] = verdict.warnings
    if verdict.state == "dead" and verdict.entity_version is not None:
        to_set["died_at_version"] = verdict.entity_version
    if verdict.events:
        to_set["events"] = verdict.command.get("events", 0) + len(verdict.events)
    entry: Document = {"state": verdict.state, "at": now}
    if verdict.error is not None:
        entry["code"] = verdict.error["code"]
    update: Document = {"$set": to_set, "$push": {"history": {"$each": [entry], "$slice": -HISTORY}}}
    if to_unset:
        update["$unset"] = to_unset
    return update
