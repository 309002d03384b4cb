"""Reads one record as one work order's history, or reports all its faults."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from domain.fields import Description, Name, SignedAmount, Title
from domain.importing.mapping import EndStatus, Field, Mapping
from domain.importing.table import Record
from domain.work_order.model import Priority, Type

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One reason why a row was refused. `column` is that of the file; None for the whole row."""

    code: str
    message: str
    column: str | None = None


class BadRow(Exception):
    """The row is refused; other rows are imported."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = list(faults)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A good row. `key` names it within the import's name; `marks` are hashes of its values by field."""

    number: int
    line: int
    key: str
    marks: dict[Field, str]
    title: str
    created_at: datetime
    completed_at: datetime | None = None
    due_at: datetime | None = None
    description: str | None = None
    asset: str | None = None
    type: Type = "corrective"
    priority: Priority = "medium"
    cost: str | None = None
    status: EndStatus


class Reader:
    """Reads the records of one file in order: it remembers the keys it has seen."""

    def __init__(self, header: Sequence[str], mapping: Mapping, *, latest: datetime) -> None:
        """`latest` is the latest time that a row may contain."""
        self._header = list(header)
        self._mapping = mapping
        self._latest = latest
        self._seen: dict[bytes, int] = {}
        self._places = {field: self._header.index(column) for field, column in mapping.columns.items()}

    def read(self, record: Record) -> Row:
        """The row of a record. Raises: BadRow, with every fault, not only the first."""
        if record.broken:
            raise BadRow([Fault("malformed_row", record.broken)])
        if len(record.cells) != len(self._header):
            message = f"{len(record.cells)} cells where the header has {len(self._header)}"
            raise BadRow([Fault("wrong_columns", message)])
        faults: list[Fault] = []
        values: dict[str, Any] = {"status": self._mapping.status}
        for field, place in self._places.items():
            try:
                value = self._value(field, record.cells[place].strip())
            except ValueError as error:
                faults.append(Fault(f"bad_{field}", str(error), self._header[place]))
                continue
            if value is not None:
                values[field] = value
        key = self._key(record, faults)
        faults += _out_of_order(values, self._mapping)
        if faults:
            raise BadRow(faults)
        marks = {field: _mark(record.cells[place].strip()) for field, place in self._places.items()}
        return Row(number=record.number, line=record.line, key=key, marks=marks, **values)

    def _value(self, field: Field, cell: str) -> Any:
        cell = self._mapping.values.get(field, {}).get(cell, cell)
        if not cell and field not in ("title", "created_at"):
            return None
        if field in ("created_at", "completed_at", "due_at"):
            latest = None if field == "due_at" else self._latest
            return moment(cell, self._mapping.date_format, latest=latest)
        return _CHECKS[field](cell)

    def _key(self, record: Record, faults: list[Fault]) -> str:
        """The row's key: of the key column, else of the whole row and the number of equal rows before it."""
        column = self._mapping.key_column
        if column is None:
            cells = sorted(zip(self._header, (cell.strip() for cell in record.cells), strict=True))
            digest = hashlib.sha256(msgspec.json.encode(cells)).hexdigest()
            return f"{digest}:{self._count(digest.encode())}"
        key = record.cells[self._header.index(column)].strip()
        if not key or len(key) > 200:
            faults.append(Fault("bad_key", "a key has 1 to 200 characters", column))
        elif self._count(key.encode()) > 1:
            faults.append(Fault("duplicate_key", f"an earlier row has the key {key}", column))
        return key

    def _count(self, key: bytes) -> int:
        short = hashlib.blake2b(key, digest_size=16).digest()
        self._seen[short] = count = self._seen.get(short, 0) + 1
        return count


def moment(text: str, pattern: str | None, *, latest: datetime | None) -> datetime:
    """In UTC, to the millisecond; a day is its midnight, a time without offset is UTC. Raises: ValueError."""
    try:
        at = datetime.strptime(text, pattern) if pattern else datetime.fromisoformat(text)  # noqa: DTZ007
    except (ValueError, re.error):  # the latter of a pattern that names a part twice
        expected = f"like {pattern}" if pattern else "an ISO 8601 date, such as 2004-07-01"
        raise ValueError(f"{_short(text)} is not {expected}") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    if not 1970 <= at.year <= 2199:
        raise ValueError(f"{_short(text)} is not within 1970 to 2199")
    at = at.astimezone(UTC)
    if at < _FIRST or at.year > 2199:
        raise ValueError(f"{_short(text)} is not within 1970 to 2199")
    if latest and at > latest:
        raise ValueError(f"{_short(text)} is in the future")
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _out_of_order(values: dict[str, Any], mapping: Mapping) -> list[Fault]:
    started, ended = values.get("created_at"), values.get("completed_at")
    if started is None or ended is None or ended >= started:
        return []
    return [Fault("bad_completed_at", "completed before it was created", mapping.columns["completed_at"])]


def _checked(type: Any, what: str) -> Callable[[str], Any]:
    def check(cell: str) -> Any:
        try:
            return msgspec.convert(cell, type)
        except msgspec.ValidationError:
            raise ValueError(f"{_short(cell)} is not {what}") from None

    return check


_CHECKS: dict[Field, Callable[[str], Any]] = {
    "title": _checked(Title, "one line of 1 to 200 characters"),
    "description": _checked(Description, "text of at most 20,000 characters"),
    "asset": _checked(Name, "one line of 1 to 200 characters"),
    "type": _checked(Type, "a type (corrective, preventive, inspection, calibration, safety)"),
    "priority": _checked(Priority, "a priority (low, medium, high, critical)"),
    "cost": _checked(SignedAmount, "an amount, such as 183.05"),
    "status": _checked(EndStatus, "a status (requested, in_progress, completed, closed, cancelled)"),
}


def _short(text: str) -> str:
    return repr(text) if len(text) <= 60 else f"{text[:60]!r}… ({len(text)} characters)"


def _mark(cell: str) -> str:
    return hashlib.sha256(cell.encode()).hexdigest()[:16]
