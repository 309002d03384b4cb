"""What a device has done and not yet seen the end of: a file, in which every step is one transaction.

A process that dies between any two lines leaves the step before or the step after. What it may have sent it
sends again under the same id and number, so that no state of the network has to be kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

Json = dict[str, Any]

PENDING = "pending"
"""To be sent. All other states are what was heard of it last."""

UNSENDABLE = "unsendable"
"""The server fails at it, or will not have it, and has kept nothing: its lane waits until it is given up."""

UNSETTLED = ("accepted", "retrying", "parked", "dead")
"""Known to the server, and may still become something else."""

DISCARD = "discard"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS actions (
    place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, lane TEXT NOT NULL, lane_seq INTEGER,
    fields TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'pending', command_id TEXT,
    outcome TEXT NOT NULL DEFAULT '{}');
CREATE INDEX IF NOT EXISTS by_lane ON actions (lane, lane_seq);
CREATE INDEX IF NOT EXISTS by_state ON actions (state);
CREATE TABLE IF NOT EXISTS lanes (lane TEXT PRIMARY KEY, next INTEGER NOT NULL);
"""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One action. `lane_seq` None: it gave up its number. `fields`: the other members for the server."""

    place: int
    id: str
    lane: str
    lane_seq: int | None
    fields: Json
    state: str
    command_id: str | None
    outcome: Json


class Outbox:
    """Use as a context. One thread, one process at a time."""

    def __init__(self, file: Path) -> None:
        # Each statement commits by itself, unless `_db` is entered after BEGIN.
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    # -- what the user does -------------------------------------------------------------------------------

    def put(self, id: str, lane: str, fields: Json) -> int:
        """Keeps it under the next number of its lane, which is returned; durable then."""
        with self._step():
            return self._put(id, lane, fields, self._take_number(lane))

    def give_up(self, id: str, fields: Json) -> None:
        """A tombstone in its place, under its id and number: the server may know it, or wait for it."""
        self._db.execute(
            "UPDATE actions SET fields = ?, state = ?, outcome = '{}' WHERE id = ?",
            (_text(fields), PENDING, id),
        )

    # -- what the server says -----------------------------------------------------------------------------

    def record(self, id: str, state: str, command_id: str | None, outcome: Json) -> None:
        self._db.execute(
            "UPDATE actions SET state = ?, command_id = coalesce(?, command_id), outcome = ? WHERE id = ?",
            (state, command_id, _text(outcome), id),
        )

    def replace(self, row: Row, outcome: Json, tombstone_id: str, tombstone: Json) -> None:
        """It cannot be sent under its id: another action fills its number."""
        with self._step():
            self._db.execute(
                "UPDATE actions SET state = ?, lane_seq = NULL, outcome = ? WHERE id = ?",
                (UNSENDABLE, _text(outcome), row.id),
            )
            if row.lane_seq is not None:
                self._put(tombstone_id, row.lane, tombstone, row.lane_seq)

    def send_again(self, lane: str, first: int, tombstones: Iterator[tuple[str, Json]]) -> None:
        """The server waits for `first`: all from there on is to be sent, and for lost numbers tombstones."""
        with self._step():
            rows = self._db.execute(
                "SELECT lane_seq FROM actions WHERE lane = ? AND lane_seq >= ?", (lane, first)
            )
            known = {seq for (seq,) in rows}
            for seq in range(first, max(known, default=first)):
                if seq not in known:
                    self._put(*_named(next(tombstones), lane), seq)
            self._db.execute(
                "UPDATE actions SET state = ?, outcome = '{}' WHERE lane = ? AND lane_seq >= ?",
                (PENDING, lane, first),
            )

    def move_behind(self, lane: str, first: int, to: int) -> None:
        """Another store of this device has used the numbers from `first` up: these go on from `to`."""
        with self._step():
            by = to - first
            self._db.execute(
                "UPDATE actions SET lane_seq = lane_seq + ? WHERE lane = ? AND lane_seq >= ?",
                (by, lane, first),
            )
            self._db.execute("UPDATE lanes SET next = next + ? WHERE lane = ?", (by, lane))

    def forget(self, ids: Iterable[str]) -> None:
        """Actions of whose end the user has been told."""
        with self._step():
            self._db.executemany("DELETE FROM actions WHERE id = ?", [(id,) for id in ids])

    # -- reading ------------------------------------------------------------------------------------------

    def waiting(self, most: int, *, held: Collection[str] = ()) -> list[Row]:
        """What to send next: lanes in the order in which they were begun, each up to where it must wait."""
        sendable: list[Row] = []
        lanes = self._db.execute(
            "SELECT lane, min(place) FROM actions WHERE state = ? GROUP BY lane ORDER BY 2", (PENDING,)
        )
        for lane, _ in lanes.fetchall():
            if lane in held:
                continue
            for row in self._rows(
                "lane = ? AND state IN (?, ?) ORDER BY lane_seq", lane, PENDING, UNSENDABLE
            ):
                if len(sendable) == most:
                    return sendable
                if row.lane_seq is None:
                    continue
                if row.state == UNSENDABLE:
                    break
                sendable.append(row)
        return sendable

    def unsettled(self, most: int, *, behind: int = 0) -> list[Row]:
        marks = ", ".join("?" * len(UNSETTLED))
        return self._rows(f"state IN ({marks}) AND place > ? ORDER BY place LIMIT {most}", *UNSETTLED, behind)

    def find(self, id: str) -> Row:
        """Raises: KeyError."""
        if rows := self._rows("id = ?", id):
            return rows[0]
        raise KeyError(id)

    def all(self) -> list[Row]:
        return self._rows("TRUE ORDER BY place")

    def count(self) -> int:
        number: int = self._db.execute("SELECT count(*) FROM actions").fetchone()[0]
        return number

    # -- inside -------------------------------------------------------------------------------------------

    def _rows(self, where: str, *values: Any) -> list[Row]:
        columns = "place, id, lane, lane_seq, fields, state, command_id, outcome"
        rows = self._db.execute(f"SELECT {columns} FROM actions WHERE {where}", values)
        return [_row(*values) for values in rows.fetchall()]

    def _step(self) -> sqlite3.Connection:
        """A transaction, committed when its block ends and undone when it raises."""
        self._db.execute("BEGIN IMMEDIATE")
        return self._db

    def _take_number(self, lane: str) -> int:
        taken = self._db.execute(
            "INSERT INTO lanes VALUES (?, 2) ON CONFLICT DO UPDATE SET next = next + 1 RETURNING next - 1",
            (lane,),
        )
        seq: int = taken.fetchone()[0]
        return seq

    def _put(self, id: str, lane: str, fields: Json, seq: int) -> int:
        self._db.execute(
            "INSERT INTO actions (id, lane, lane_seq, fields) VALUES (?, ?, ?, ?)",
            (id, lane, seq, _text(fields)),
        )
        return seq


def _row(place: int, id: str, lane: str, seq: int | None, fields: str, *rest: Any) -> Row:
    state, command_id, outcome = rest
    return Row(
        place=place,
        id=id,
        lane=lane,
        lane_seq=seq,
        fields=msgspec.json.decode(fields),
        state=state,
        command_id=command_id,
        outcome=msgspec.json.decode(outcome),
    )


def _named(tombstone: tuple[str, Json], lane: str) -> tuple[str, str, Json]:
    id, fields = tombstone
    return id, lane, fields


def _text(value: Json) -> str:
    return msgspec.json.encode(value).decode()
