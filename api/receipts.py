"""What became of a command, as a receipt or as a problem."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from adapters import commands
from adapters.mongo import Document
from api.problem import Problem


def event_ids(command: Document) -> list[str]:
    """The command says how many events it has, and an event's id is the command's and a serial."""
    return [f"{command['_id']}:{serial}" for serial in range(command.get("events", 0))]


async def events_of(db: AsyncDatabase[Any], documents: Iterable[Document]) -> dict[str, list[Document]]:
    """The events of each command, in order, by command id."""
    ids = [id for document in documents for id in event_ids(document)]
    if not ids:
        return {}
    found = {event["_id"]: event async for event in db["events"].find({"_id": {"$in": ids}})}
    grouped: dict[str, list[Document]] = {}
    for event in (found[id] for id in ids if id in found):
        grouped.setdefault(event["command_id"], []).append(event)
    return grouped


async def receipt(db: AsyncDatabase[Any], document: Document) -> Document:
    events = await events_of(db, [document])
    return commands.receipt(document, events.get(document["_id"], []))


def ended_badly(receipt: Document) -> Problem:
    """The problem of a command that was final in time but not applied: 409 for a conflict, else 422."""
    state: str = receipt["state"]
    error: Document = receipt.get("error") or {}
    detail: str = error.get("message") or f"the command is {state}"
    extra: Document = {name: error[name] for name in ("diff", "params", "path") if name in error}
    return Problem(
        409 if state == "conflict" else 422,
        error.get("code", state),
        detail,
        command_id=receipt["command_id"],
        state=state,
        receipt=receipt,
        **extra,
    )
