"""One import, chunk by chunk: reported, accepted, remembered, then the cursor moves. A killed run repeats at
most one chunk, whose keys are known."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import msgspec
from pymongo import ReplaceOne
from pymongo.database import Database

from adapters.commands.acceptance import accept_many
from adapters.commands.document import Key, Origin, TargetQueue, fingerprint, fresh, target_of
from adapters.imports.report import undecided_commands
from adapters.imports.store import OPEN, mapping_of, open_file
from adapters.mongo.client import Document, translated
from domain.importing.row import BadRow, Fault, Reader, Row
from domain.importing.steps import Step
from domain.importing.table import Table
from locks.fence import fenced, stamped
from locks.lease import Lease
from tasks.catalogue import Catalogue
from workers.imports.row_plan import SCOPE, Plan, Planner

CHUNK_ROWS = 100
MOST_ACTIVE = 2_000
"""Commands of one import that may be on their way or parked at once, so that it cannot flood the queue."""

Hint = Callable[[Sequence[TargetQueue]], None]
Count = Callable[[Sequence[Document]], None]
"""Hears of commands that were accepted just now; a repeat is none."""

Judged = Row | tuple[int, list[Fault]]


UNTRIED: Document = {"failures": 0, "tried_by": []}
"""It moves: whatever went wrong before is over."""


class Lost(Exception):
    """A later holder has written, or the import has been cancelled: this run is over."""


class Run:
    """The rest of an import from its cursor on. `step` until it is `exhausted`."""

    def __init__(
        self,
        db: Database[Any],
        found: Document,
        catalogue: Catalogue,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        hint: Hint,
        count: Count,
        chunk_rows: int = CHUNK_ROWS,
        most_active: int = MOST_ACTIVE,
    ) -> None:
        """Raises: BadFile, Unavailable."""
        self._db = db
        self._found = found
        self._catalogue = catalogue
        self._now = now
        self._new_id = new_id
        self._hint = hint
        self._count = count
        self._chunk_rows = chunk_rows
        self._most_active = most_active
        self._mapping = mapping_of(found)
        self._planner = Planner(db, found, self._mapping)
        self._cursor: int = found["cursor"]
        self._counts: dict[str, int] = dict(found["counts"])
        with translated():
            self._rows = self._judge()
            # The rows before the cursor are read again too: equal rows are told apart by counting them.
            for _ in islice(self._rows, self._cursor):
                pass
        self._plan: Plan | None = None
        self.exhausted = False

    def step(self, lease: Lease) -> bool:
        """Send one chunk; false: too much is on its way. Raises: Lost, Unavailable: step again."""
        with translated():
            if self._plan is None:
                self._plan = self._next()
            if self._plan is None:
                self._write(lease, {"sent_at": self._now()} | UNTRIED)
                self.exhausted = True
                return True
            is_real = not self._found["dry_run"]
            if is_real and not self._has_room(len(self._plan.steps)):
                return False
            # Before the rows are remembered: who goes on after a kill passes over those that are.
            self._report(self._plan)
            if is_real:
                self._send(self._plan)
            self._move(lease, self._plan)
            self._plan = None
        return True

    def _judge(self) -> Iterator[Judged]:
        raw = io.BufferedReader(_Readable(open_file(self._db, self._found["_id"])))
        lines = io.TextIOWrapper(raw, "utf-8-sig", newline="")
        table = Table(lines, self._mapping.required_columns)
        latest = self._found["created_at"] + timedelta(days=1)
        reader = Reader(table.header, self._mapping, latest=latest)
        for record in table:
            try:
                yield reader.read(record)
            except BadRow as bad:
                yield record.line, bad.faults

    def _next(self) -> Plan | None:
        chunk = list(islice(self._rows, self._chunk_rows))
        if not chunk:
            return None
        rows = [judged for judged in chunk if isinstance(judged, Row)]
        return self._planner.plan(rows, [judged for judged in chunk if not isinstance(judged, Row)])

    def _has_room(self, more: int) -> bool:
        unsettled = undecided_commands(
            self._db, self._found["tenant_id"], self._found["_id"], most=self._most_active + 1
        )
        return unsettled == 0 or unsettled + more <= self._most_active

    def _send(self, plan: Plan) -> None:
        if plan.steps:
            commands = [self._command(line, step) for line, step in plan.steps]
            accepted = accept_many(self._db.commands, commands)
            self._count([one.document for one in accepted if not one.replayed])
            self._hint([(command["tenant_id"], command["target"]) for command in commands])
        if plan.remembered:
            kept = [ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in plan.remembered]
            self._db.import_keys.bulk_write(kept, ordered=False)

    def _report(self, plan: Plan) -> None:
        if plan.reports:
            told = [ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in plan.reports]
            self._db.import_reports.bulk_write(told, ordered=False)

    def _move(self, lease: Lease, plan: Plan) -> None:
        counts = {name: self._counts.get(name, 0) + plan.counts.get(name, 0) for name in self._counts}
        cursor = self._cursor + plan.counts["rows"]
        self._write(lease, {"state": "running", "cursor": cursor, "counts": counts} | UNTRIED)
        self._cursor, self._counts = cursor, counts

    def _write(self, lease: Lease, values: Document) -> None:
        mine = {"_id": self._found["_id"], "state": {"$in": list(OPEN)}}
        done = self._db.imports.update_one(fenced(mine, lease), stamped({"$set": values}, lease))
        if done.matched_count != 1:
            raise Lost(self._found["_id"])

    def _command(self, line: int, step: Step) -> Document:
        spec = self._catalogue[step.type]
        id = spec.target_id(msgspec.convert(step.payload, spec.payload), None)
        assert id is not None, "an import names what it creates"
        command = fresh(
            spec,
            id=self._new_id(),
            tenant_id=self._found["tenant_id"],
            target=target_of(spec, id),
            payload=step.payload,
            origin=Origin(
                via="import",
                user_id=self._found["user_id"],
                request_id=self._found["_id"],
                occurred_at=step.at,
            ),
            key=Key(SCOPE, step.key, fingerprint(spec.type, step.payload, None)),
            accepted_at=self._now(),
            queue="bulk",
        )
        return command | {"import": {"id": self._found["_id"], "line": line}}


class _Readable(io.RawIOBase):
    """A stored file as the standard library's readers want it."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._source.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)
