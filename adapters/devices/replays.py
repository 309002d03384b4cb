"""Offline replays: what a device did, taken in by one transaction, in the order of its lanes.

The transaction reads which ids are known, advances each lane's number, and stores the rest. A batch that is
sent twice at once thus cannot put the order of a lane at odds with the order of its commands: both write the
same lanes, and the second reads what the first has done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.commands.document import TargetQueue
from adapters.commands.verdict_updates import final_on_arrival
from adapters.commands.verdicts import arrival_event
from adapters.devices.batch import DISCARD, Batch, Entry, Result, Status, Taken, record_id
from adapters.mongo.client import Document
from adapters.mongo.transactions import in_transaction
from adapters.operators import resolutions
from adapters.operators.audit import Act
from adapters.operators.resolutions import CONFLICT, NothingToDecide


def take(db: Database[Any], batch: Batch, *, keys_kept: timedelta) -> Taken:
    """All of it or nothing, durable when this returns. Sent again it gives the same commands.

    Raises: Unavailable, Contention, UnknownOutcome: the device sends the same again.
    """
    return in_transaction(db, lambda session: _Take(db, session, batch, keys_kept).run())


_KNOWN = {"payload": 0}
"""All that a receipt may tell."""


class _Take:
    """One try of the transaction."""

    def __init__(self, db: Database[Any], session: ClientSession, batch: Batch, keys_kept: timedelta) -> None:
        self._db = db
        self._session = session
        self._batch = batch
        self._keys_kept = keys_kept
        entries = [action for action in batch.actions if isinstance(action, Entry)]
        self._known = self._read_known(entries)
        self._next = self._read_lanes(entries)
        self._advanced: set[str] = set()
        self._unwritten: list[Document] = []
        self._lines: dict[TargetQueue, None] = {}

    def run(self) -> Taken:
        results = [self._judge(action) for action in self._batch.actions]
        self._flush()
        self._write_lanes()
        self._write_record(results)
        return Taken(results, list(self._lines))

    # -- reading ------------------------------------------------------------------------------------------

    def _read_known(self, entries: Sequence[Entry]) -> dict[str, Document]:
        """Commands by idempotency key: these actions, as far as they came before, and what they resolve."""
        keys = {entry.id for entry in entries} | {entry.resolves for entry in entries if entry.resolves}
        query = {
            "tenant_id": self._batch.tenant_id,
            "idempotency.scope": self._batch.user_id,
            "idempotency.key": {"$in": list(keys)},
        }
        found = self._db.commands.find(query, _KNOWN, session=self._session)
        return {command["idempotency"]["key"]: command for command in found}

    def _read_lanes(self, entries: Sequence[Entry]) -> dict[str, int]:
        named = [entry.lane for entry in entries]
        ids = {self._batch.lane_id(lane): lane for lane in named}
        found = self._db.lanes.find({"_id": {"$in": list(ids)}}, ["next"], session=self._session)
        return dict.fromkeys(named, 1) | {ids[row["_id"]]: row["next"] for row in found}

    # -- judging ------------------------------------------------------------------------------------------

    def _judge(self, action: Entry | Result) -> Result:
        if isinstance(action, Result):
            return action
        first = self._known.get(action.id)
        if first is not None:
            return self._again(action, first)
        if (expected := self._next[action.lane]) != action.lane_seq:
            return Result(id=action.id, status="out_of_order", expected_lane_seq=expected)
        if action.document is None:
            return Result(id=action.id, status="retry_later", error=action.fault)
        self._advance(action.lane)
        return self._new(action, action.document)

    def _again(self, action: Entry, first: Document) -> Result:
        """It came before, perhaps online, or to a server that knows more: then its number is used up now."""
        if action.document is not None and not _is_the_same(action.document, first):
            why = {"code": "id_reused", "message": f"this id was used with another body by {first['_id']}"}
            return Result(id=action.id, status="rejected", error=why)
        if self._next[action.lane] == action.lane_seq:
            self._advance(action.lane)
        return Result(id=action.id, status="duplicate", command=first)

    def _new(self, action: Entry, document: Document) -> Result:
        error = action.fault
        if error is None and action.resolves is not None:
            document, error = self._resolving(document, action.lane, action.resolves)
        self._known[action.id] = document
        self._unwritten.append(document)
        if document.get("active"):
            self._lines[document["tenant_id"], document["target"]] = None
        status: Status = "accepted" if error is None else "rejected"
        return Result(id=action.id, status=status, command=document, error=error)

    def _resolving(self, document: Document, lane: str, resolves: str) -> tuple[Document, Document | None]:
        """The document with its conflict named by the command's id, or a refused one."""
        try:
            conflict = self._conflict(resolves, lane)
            if document["type"] in resolutions.CHOICES:
                self._flush()
                self._lines |= dict.fromkeys(self._decide(document, conflict["_id"]))
                return document, None
            return document | {"resolves": conflict["_id"]}, None
        except NothingToDecide as error:
            why = {"code": "nothing_to_resolve", "message": str(error)}
            return self._refused(document, why), why

    def _refused(self, document: Document, why: Document) -> Document:
        at, kept = self._batch.received_at, self._keys_kept
        return final_on_arrival(document, "rejected", error=why, at=at, keys_kept=kept)

    def _conflict(self, named: str, lane: str) -> Document:
        """The open conflict meant: named by its action or command, or by a way out that conflicted too."""
        found = self._known.get(named)
        mine = {"tenant_id": self._batch.tenant_id, "origin.user_id": self._batch.user_id}
        if found is None:
            found = self._db.commands.find_one({"_id": named, **mine}, _KNOWN, session=self._session)
        if found is not None and "resolves" in found:
            root = {"_id": found["resolves"], "tenant_id": self._batch.tenant_id}
            found = self._db.commands.find_one(root, _KNOWN, session=self._session)
        if found is None or found.get("inbox") != CONFLICT or found["target"] != lane:
            raise NothingToDecide(found["state"] if found else None)
        return found

    def _decide(self, document: Document, conflict_id: str) -> list[TargetQueue]:
        act = Act(
            id=document["_id"],
            tenant_id=self._batch.tenant_id,
            user_id=self._batch.user_id,
            via="offline",
            reason="",
            at=self._batch.received_at,
        )
        choice = resolutions.CHOICES[document["type"]]
        return resolutions.settle(
            self._db, self._session, conflict_id, act, choice, keys_kept=self._keys_kept
        )

    def _advance(self, lane: str) -> None:
        self._next[lane] += 1
        self._advanced.add(lane)

    # -- writing ------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        """What was stored so far comes before what is decided now: an insert takes its place in its line."""
        if not self._unwritten:
            return
        self._db.commands.insert_many(self._unwritten, session=self._session)
        told = [arrival_event(document) for document in self._unwritten if "finished_at" in document]
        if told:
            self._db.events.insert_many(told, session=self._session)
        self._unwritten = []

    def _write_lanes(self) -> None:
        updates = [
            {
                "q": {"_id": self._batch.lane_id(lane)},
                "u": {"$set": {"next": self._next[lane], "tenant_id": self._batch.tenant_id}},
                "upsert": True,
            }
            for lane in sorted(self._advanced)
        ]
        if updates:
            self._db.command({"update": "lanes", "updates": updates}, session=self._session)

    def _write_record(self, results: Iterable[Result]) -> None:
        """What the device may ask for later; sent again, the latest answer."""
        batch = self._batch
        id = record_id(batch.tenant_id, batch.user_id, batch.batch_id)
        record = {
            "_id": id,
            "tenant_id": batch.tenant_id,
            "user_id": batch.user_id,
            "device_id": batch.device_id,
            "batch_id": batch.batch_id,
            "received_at": batch.received_at,
            "purge_at": batch.received_at + self._keys_kept,
            "results": [_recorded(result) for result in results],
            **batch.told,
        }
        self._db.replays.replace_one({"_id": id}, record, upsert=True, session=self._session)


def _is_the_same(document: Document, first: Document) -> bool:
    """A tombstone stands for its action, and the action for its tombstone: whichever came first holds."""
    if DISCARD in (document["type"], first["type"]):
        return True
    return bool(document["idempotency"]["fingerprint"] == first["idempotency"]["fingerprint"])


def _recorded(result: Result) -> Document:
    record: Document = {"id": result.id, "status": result.status}
    if result.command is not None:
        record["command_id"] = result.command["_id"]
    if result.expected_lane_seq is not None:
        record["expected_lane_seq"] = result.expected_lane_seq
    if result.error is not None:
        record["code"] = result.error["code"]
    return record
