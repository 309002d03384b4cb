"""The report of an import: its rows, and counts of rows and commands by outcome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType
from pymongo.database import Database

from adapters.commands.document import ACTIVE, RUNNABLE, State
from adapters.imports.store import ImportState, mapping_of
from adapters.mongo.client import Document
from domain.importing.mapping import Mapping

Outcome = Literal["refused", "changed"]


class File(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    size: int
    sha256: str


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Rows by outcome, and their commands by state. `missed_rows`: rows sent of which a command failed."""

    rows: int = 0
    new: int = 0
    known: int = 0
    changed: int = 0
    again: int = 0
    refused: int = 0
    missed_rows: int = 0
    commands: dict[str, int] = {}  # keys may be states of a newer release


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    message: str


class ImportView(msgspec.Struct, frozen=True, kw_only=True):
    """An import as clients see it."""

    import_id: str
    kind: str
    name: str
    state: ImportState
    dry_run: bool
    file: File
    created_at: datetime
    finished_at: datetime | UnsetType = UNSET
    error: Failure | UnsetType = UNSET
    mapping: Mapping
    counts: Counts


MISSED: tuple[State, ...] = ("rejected", "conflict", "dead", "cancelled", "discarded", "parked")
"""States of commands whose part of the row was not applied (or waits for a person)."""


def of_import(tenant_id: str, id: str, states: Iterable[State] | None = None) -> Document:
    """The query for the commands of an import; uses the index `of_import`."""
    query: Document = {"tenant_id": tenant_id, "import.id": id}
    return query | {"state": {"$in": list(states)}} if states else query


def running_commands(db: Database[Any], tenant_id: str, id: str, *, most: int) -> int:
    """The number of runnable commands of this import, at most `most`."""
    return db.commands.count_documents(of_import(tenant_id, id, RUNNABLE), limit=most)


def undecided_commands(db: Database[Any], tenant_id: str, id: str, *, most: int) -> int:
    """The number of commands of this import that are runnable or parked, at most `most`."""
    return db.commands.count_documents(of_import(tenant_id, id, ACTIVE), limit=most)


def tally_pipeline(tenant_id: str, id: str) -> list[Document]:
    """Yields {_id: state, commands} and, for rows not fully applied, {_id: "missed_rows", commands: rows}."""
    by_state: list[Document] = [{"$group": {"_id": "$state", "commands": {"$sum": 1}}}]
    missed: list[Document] = [
        {"$match": {"state": {"$in": list(MISSED)}}},
        {"$group": {"_id": "$import.line"}},
        {"$group": {"_id": "missed_rows", "commands": {"$sum": 1}}},
    ]
    return [
        {"$match": of_import(tenant_id, id)},
        {"$project": {"_id": 0, "state": 1, "import.line": 1}},
        {"$facet": {"by_state": by_state, "missed": missed}},
        {"$project": {"all": {"$concatArrays": ["$by_state", "$missed"]}}},
        {"$unwind": "$all"},
        {"$replaceRoot": {"newRoot": "$all"}},
    ]


def missed_pipeline(tenant_id: str, id: str, *, after_line: int, limit: int) -> list[Document]:
    """Yields {_id: line, reasons} of rows whose commands did not land, by line."""
    query = of_import(tenant_id, id, MISSED) | {"import.line": {"$gt": after_line}}
    reason = {
        "command_id": "$_id",
        "type": "$type",
        "state": "$state",
        "code": {"$ifNull": ["$error.code", "$state"]},
        "message": {"$ifNull": ["$error.message", "$state"]},
    }
    return [
        {"$match": query},
        {"$sort": {"import.line": 1, "seq": 1}},
        {"$group": {"_id": "$import.line", "reasons": {"$push": reason}}},
        {"$sort": {"_id": 1}},
        {"$limit": limit},
    ]


def rows(
    db: Database[Any], tenant_id: str, id: str, *, outcome: Outcome | None = None, after_line: int, limit: int
) -> list[Document]:
    """Rows with something to report, by line: {line, outcome, reasons [{code, message, ...}]}.

    `refused`: the row was unreadable, or a command of it failed; `changed`: it differs from an earlier import
    of the same name.
    """
    query = {"tenant_id": tenant_id, "import_id": id, "line": {"$gt": after_line}}
    if outcome is not None:
        query["outcome"] = outcome
    judged = db.import_reports.find(query).sort("line").limit(limit)
    missed: Iterable[Document] = ()
    if outcome != "changed":
        missed = db.commands.aggregate(missed_pipeline(tenant_id, id, after_line=after_line, limit=limit))
    return list(_merged(judged, missed, limit=limit))


def _merged(judged: Iterable[Document], missed: Iterable[Document], *, limit: int) -> Iterator[Document]:
    by_line: dict[int, Document] = {}
    for row in judged:
        by_line[row["line"]] = {"line": row["line"], "outcome": row["outcome"], "reasons": row["reasons"]}
    for row in missed:
        report = by_line.get(row["_id"], {"reasons": []})
        reasons = report["reasons"] + row["reasons"]
        by_line[row["_id"]] = {"line": row["_id"], "outcome": "refused", "reasons": reasons}
    for line in sorted(by_line)[:limit]:
        yield by_line[line]


def import_view(db: Database[Any], row: Document) -> ImportView:
    """The view of an import with its commands counted now."""
    return view_with_tally(row, db.commands.aggregate(tally_pipeline(row["tenant_id"], row["_id"])))


def view_with_tally(row: Document, tally: Iterable[Document]) -> ImportView:
    """The view of an import with the result of `tally_pipeline`."""
    commands = {count["_id"]: count["commands"] for count in tally}
    missed = commands.pop("missed_rows", 0)
    counts = row["counts"]
    if commands or "commands" not in counts:  # after they are purged, the final counts are kept
        counts = counts | {"missed_rows": missed, "commands": commands}
    shown = row | {"import_id": row["_id"], "mapping": mapping_of(row), "counts": counts}
    return msgspec.convert(shown, ImportView)
