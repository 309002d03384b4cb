"""The operator's view of a command: complete, with traceback, but without secrets."""

from __future__ import annotations

from adapters.commands.document import Origin
from adapters.commands.secrets import masked
from adapters.mongo.client import Document
from api.http.openapi import OBJECT, TEXT, Json, schema_of
from api.views.receipts import RECEIPT
from tasks.queues import QUEUES

_HIDDEN = ("_id", "tenant_id", "seq", "idempotency", "hint_at", "next_at", "active", "awaited")

_ALWAYS = ("command_id", "type", "target", "state", "attempts", "accepted_at")
_NUMBERS = ("schema_version", "base_version", "died_at_version", "losses")
_ERROR = ("code", "message", "class", "detail", "fingerprint", "traceback")

COMMAND: Json = {
    "type": "object",
    "required": [*_ALWAYS, "payload", "origin", "queue"],
    "properties": {
        **{name: RECEIPT["properties"][name] for name in (*_ALWAYS, "finished_at", "history", "resolves")},
        **{name: {"type": "integer"} for name in _NUMBERS},
        "payload": OBJECT,
        "origin": schema_of(Origin),
        "queue": {"enum": list(QUEUES)},
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": dict.fromkeys(_ERROR, TEXT),
        },
    },
}
"""The documented members; there may be others."""


def operator_view(command: Document) -> Document:
    """The stored command with secrets masked and internal fields left out, under the receipt's names."""
    out: Document = {"command_id": command["_id"]}
    return out | {name: value for name, value in masked(command).items() if name not in _HIDDEN}
