"""The ledger of deliveries: one row for each notice, recipient and channel, with its state.

    pending -> sending -> sent | failed | uncertain        pending -> cancelled

A row's id is derived from notice, recipient and channel, so that writing it twice leaves one. `sending` is
durable before the first byte is sent. `claims.py` changes the states.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, get_args

from pymongo.database import Database
from pymongo.errors import BulkWriteError

from adapters.delivery.outcomes import Trouble
from adapters.mongo.client import (
    DUPLICATE_KEY,
    MAJORITY,
    Document,
    Unavailable,
    Unwritable,
    document_id,
    translated,
)
from domain.policies import Channel

State = Literal["pending", "sending", "sent", "failed", "uncertain", "cancelled"]
"""All but `pending` and `sending` are final, but an operator may send `failed` and `uncertain` rows again."""
STATES: tuple[State, ...] = get_args(State)
CHANNELS: tuple[Channel, ...] = get_args(Channel)

_CHUNK = 500


def delivery_id(about: str, step: str, recipient: str, channel: str) -> str:
    """The id of a delivery, derived from what identifies it."""
    return sha256(f"{about}|{step}|{recipient}|{channel}".encode()).hexdigest()[:32]


def message_id(id: str) -> str:
    """The Message-ID of the mail for this delivery, the same at every attempt."""
    return f"<{id}@millwright>"


def row(
    *,
    tenant_id: str,
    about: str,
    step: str,
    kind: str,
    recipient: str,
    channel: Channel,
    at: datetime,
    due_at: datetime | None = None,
    critical: bool = False,
    digest: bool = False,
    state: State = "pending",
    error: Trouble | None = None,
    **more: Any,
) -> Document:
    """A new row, to be sent at `due_at` (None: at once). `more`: params, notice_id, event_id, …"""
    id = delivery_id(about, step, recipient, channel)
    document: Document = {
        "_id": document_id(tenant_id, id),
        "tenant_id": tenant_id,
        "id": id,
        "about": about,
        "step": step,
        "kind": kind,
        "recipient": recipient,
        "channel": channel,
        "state": state,
        "critical": critical,
        "digest": digest,
        "due_at": due_at or at,
        "attempts": 0,
        "created_at": at,
        "history": [{"state": state, "at": at} | ({"code": error.code} if error else {})],
        **more,
    }
    if state == "sent":
        document["sent_at"] = at
    if state in ("sent", "failed", "cancelled"):
        document["ended_at"] = at
    if error:
        document["error"] = error_document(error)
    return document


def error_document(error: Trouble) -> Document:
    """The error as it is stored."""
    return {"code": error.code, "message": error.message[:500]}


def insert(db: Database[Any], rows: Sequence[Document]) -> list[Document]:
    """Insert rows durably and return the new ones; rows that exist already are unchanged.

    Raises: Unavailable, Unwritable.
    """
    new: list[Document] = []
    deliveries = db.get_collection("deliveries", write_concern=MAJORITY)
    for start in range(0, len(rows), _CHUNK):
        chunk = list(rows[start : start + _CHUNK])
        known = set()
        try:
            with translated():
                deliveries.insert_many(chunk, ordered=False)
        except Unwritable as error:
            known = _duplicates(error)
        new += [row for at, row in enumerate(chunk) if at not in known]
    return new


def _duplicates(error: Unwritable) -> set[int]:
    """The indexes of duplicates in a bulk insert. Raises: the error, if it has other causes."""
    bulk = error.__cause__
    if not isinstance(bulk, BulkWriteError):
        raise error
    details = bulk.details or {}
    if details.get("writeConcernErrors"):
        raise Unavailable(str(bulk)) from bulk
    refused = details.get("writeErrors", ())
    if any(refusal["code"] != DUPLICATE_KEY for refusal in refused):
        raise error
    return {refusal["index"] for refusal in refused}
