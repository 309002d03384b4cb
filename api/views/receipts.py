"""The sender's view of a command: the 202, the receipt, or a problem."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, get_args

from pymongo.asynchronous.database import AsyncDatabase

from adapters.commands.document import State
from adapters.commands.verdicts import follow_ups_filter
from adapters.mongo.client import Document
from adapters.operators.resolutions import ALLOWED, CONFLICT
from api.http.openapi import OBJECT, TEXT, TIME, Json
from api.http.problem import Problem

_RECEIPT = (
    "target", "state", "attempts", "warnings", "finished_at", "after", "waits_for", "resolves",
    "resolution", "for_planner",
)  # fmt: skip
RECEIPT: Json = {
    "type": "object",
    "required": ["command_id", "type", "target", "state", "attempts", "accepted_at", "history"],
    "properties": {
        **dict.fromkeys(("command_id", "type", "target", "waits_for", "resolves"), TEXT),
        **dict.fromkeys(("accepted_at", "next_at", "finished_at"), TIME),
        **dict.fromkeys(("error", "result", "resolution"), OBJECT),
        **{name: {"type": "array", "items": OBJECT} for name in ("history", "events", "warnings")},
        **{name: {"type": "array", "items": TEXT} for name in ("after", "follow_ups", "allowed")},
        "state": {"enum": list(get_args(State))},
        "attempts": {"type": "integer"},
        "for_planner": {"type": "boolean"},
        "server_doc": OBJECT,
    },
}
_EVENT = ("type", "target", "at", "version", "data")
_ERROR = ("code", "message", "path", "params", "diff", "errors")
"""The members of an error that are written for the client; the rest is for operators."""


def accepted_view(document: Document) -> Document:
    """The body of a 202, the same for every repeat of the key."""
    return {
        "command_id": document["_id"],
        "type": document["type"],
        "target": document["target"],
        "state": "accepted",
        "accepted_at": document["accepted_at"],
    }


def client_error(error: Document) -> Document:
    """An error without the members that are for operators."""
    return {name: error[name] for name in _ERROR if name in error}


def receipt_view(
    document: Document, events: Sequence[Document] = (), follow_ups: Sequence[Document] = ()
) -> Document:
    """The receipt of a stored command, with its events and the ids of its follow-ups."""
    out: Document = {"command_id": document["_id"], "type": document["type"]}
    out |= {name: document[name] for name in _RECEIPT if name in document}
    if follow_ups:
        out["follow_ups"] = [command["_id"] for command in follow_ups]
    out["accepted_at"] = document["accepted_at"]
    if document["state"] == "retrying":
        out["next_at"] = document["next_at"]
    if error := document.get("error"):
        out["error"] = client_error(error)
    if document.get("inbox") == CONFLICT:
        out["allowed"] = list(ALLOWED)
    if document["state"] == "applied" and events:
        versions = [event["version"] for event in events if event["target"] == document["target"]]
        out["result"] = {"id": document["target"].partition(":")[2], "version": versions[-1]}
    out["history"] = [{"state": "accepted", "at": document["accepted_at"]}, *document.get("history", [])]
    out["events"] = [{name: event[name] for name in _EVENT} for event in events]
    return out


def outcome(document: Document, events: Sequence[Document]) -> Document:
    """The short receipt: the state, and the result or the error."""
    view = receipt_view(document, events)
    return {
        name: view[name] for name in ("state", "result", "error", "allowed", "resolution") if name in view
    }


def event_ids(command: Document) -> list[str]:
    """The ids of a command's events: the command's id and a serial number, up to its `events`."""
    return [f"{command['_id']}:{serial}" for serial in range(command.get("events", 0))]


async def events_of(db: AsyncDatabase[Any], documents: Iterable[Document]) -> dict[str, list[Document]]:
    """The events of each command, in order, by command id."""
    ids = [id for document in documents for id in event_ids(document)]
    if not ids:
        return {}
    by_id = {event["_id"]: event async for event in db["events"].find({"_id": {"$in": ids}})}
    grouped: dict[str, list[Document]] = {}
    for event in (by_id[id] for id in ids if id in by_id):
        grouped.setdefault(event["command_id"], []).append(event)
    return grouped


async def follow_ups_of(
    db: AsyncDatabase[Any],
    tenant_id: str,
    documents: Iterable[Document],
    *,
    fields: Sequence[str] | None = None,
) -> dict[str, list[Document]]:
    """The direct follow-ups of each command, in order, by the parent's id."""
    parents = [document["_id"] for document in documents if document.get("follow_ups")]
    grouped: dict[str, list[Document]] = {}
    if parents:
        projection = None if fields is None else [*fields, "origin.parent"]
        async for row in (
            db["commands"].find(follow_ups_filter(tenant_id, parents), projection).sort("_id", 1)
        ):
            grouped.setdefault(row["origin"]["parent"], []).append(row)
    return grouped


async def load_receipt(db: AsyncDatabase[Any], document: Document) -> Document:
    id = document["_id"]
    events = await events_of(db, [document])
    followers = await follow_ups_of(db, document["tenant_id"], [document], fields=())
    return receipt_view(document, events.get(id, []), followers.get(id, []))


def failure_problem(receipt: Document) -> Problem:
    """The problem of a command that was final in time but not applied: 409 for a conflict, else 422."""
    state: str = receipt["state"]
    error: Document = receipt.get("error") or {}
    extra: Document = {name: error[name] for name in ("diff", "params", "path") if name in error}
    return Problem(
        409 if state == "conflict" else 422,
        error.get("code", state),
        error.get("message") or f"the command is {state}",
        command_id=receipt["command_id"],
        state=state,
        receipt=receipt,
        **extra,
    )
