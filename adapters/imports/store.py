"""Stores imports: the file in chunks, the import's document, the keys of its rows, its report.

    imports         {_id: import id, tenant_id, user_id, kind, name, mapping (JSON text), dry_run, state,
                     active?, file {name, size, sha256}, cursor (rows done), failures, fence,
                     counts {rows, new, known, changed, again, refused},
                     created_at, sent_at?, finished_at?, error?}
    import_files.*  GridFS, file id = import id
    import_keys     which rows were imported, kept longer than their commands:
                    {_id: "<tenant>/<import name>/<row key>", order_id, import_id, marks, revision}
    import_reports  rows that were refused or changed, without a command:
                    {_id: "<import id>:<line>", tenant_id, import_id, line, outcome, reasons}

A command of an import has `import: {id, line}`, so that its outcome is reported with its row.
"""

from __future__ import annotations

from datetime import datetime
from typing import IO, Any, Literal

import gridfs
import msgspec
from pymongo.database import Database

from adapters.mongo.client import Document
from domain.importing.mapping import Mapping
from domain.importing.table import BadFile, Inspection

ImportState = Literal["pending", "running", "done", "failed", "cancelled"]
OPEN: tuple[ImportState, ...] = ("pending", "running")
BUCKET = "import_files"
CHUNK_BYTES = 255 * 1024

NO_COUNTS: dict[str, int] = {"rows": 0, "new": 0, "known": 0, "changed": 0, "again": 0, "refused": 0}


def document(
    *,
    id: str,
    tenant_id: str,
    user_id: str,
    name: str,
    mapping: Mapping,
    file_name: str,
    inspected: Inspection,
    dry_run: bool,
    at: datetime,
) -> Document:
    """The document of a new import, inserted after its file is stored."""
    return {
        "_id": id,
        "tenant_id": tenant_id,
        "user_id": user_id,
        "kind": "work_orders",
        "name": name,
        # As text, because a customer's values cannot be field names: they may be empty or contain any
        # character.
        "mapping": msgspec.json.encode(mapping).decode(),
        "dry_run": dry_run,
        "state": "pending",
        "active": True,
        "file": {"name": file_name, "size": inspected.size, "sha256": inspected.sha256},
        "cursor": 0,
        "counts": dict(NO_COUNTS),
        "failures": 0,
        "tried_by": [],
        "created_at": at,
    }


def mapping_of(row: Document) -> Mapping:
    """The mapping of an import's document."""
    return msgspec.json.decode(row["mapping"], type=Mapping)


def submit(
    db: Database[Any],
    source: IO[bytes],
    *,
    id: str,
    tenant_id: str,
    user_id: str,
    name: str,
    mapping: Mapping,
    file_name: str,
    dry_run: bool,
    at: datetime,
) -> Document:
    """Store the file, then the import, which a worker then claims. Raises: BadFile: nothing is stored."""
    inspection = Inspection(mapping.required_columns)
    store_file(db, id, source, inspection)
    row = document(
        id=id,
        tenant_id=tenant_id,
        user_id=user_id,
        name=name,
        mapping=mapping,
        file_name=file_name,
        inspected=inspection,
        dry_run=dry_run,
        at=at,
    )
    db.imports.insert_one(row)
    return row


def find(db: Database[Any], tenant_id: str, id: str) -> Document | None:
    """The tenant's import with that id, or None."""
    return db.imports.find_one({"_id": id, "tenant_id": tenant_id})


def cancel(db: Database[Any], tenant_id: str, id: str, *, at: datetime) -> bool:
    """Stop an import: no further rows are sent, those already sent stay. False: it had already ended."""
    still_open = {"_id": id, "tenant_id": tenant_id, "state": {"$in": list(OPEN)}}
    return db.imports.update_one(still_open, end_update("cancelled", at=at)).matched_count == 1


def store_file(db: Database[Any], id: str, source: IO[bytes], inspection: Inspection) -> None:
    """Inspect the file and make it durable. Raises: BadFile: nothing is stored."""
    target = gridfs.GridFSBucket(db, BUCKET).open_upload_stream_with_id(id, id, CHUNK_BYTES)
    try:
        while chunk := source.read(CHUNK_BYTES):
            inspection.feed(chunk)
            target.write(chunk)
        inspection.finish()
    except BadFile:
        target.abort()
        raise
    target.close()


def end_update(state: ImportState, *, at: datetime, **more: Any) -> Document:
    """The update that ends an import."""
    return {"$set": {"state": state, "finished_at": at} | more, "$unset": {"active": ""}}


def open_file(db: Database[Any], id: str) -> gridfs.GridOut:
    """The stored file, fetched chunk by chunk."""
    return gridfs.GridFSBucket(db, BUCKET).open_download_stream(id)
