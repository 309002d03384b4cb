"""How a verdict is written on its command: the update of a stored one, the document of one that is new."""

from __future__ import annotations

from datetime import datetime, timedelta

from adapters.commands.document import FINAL, HISTORY, State
from adapters.commands.secrets import MASK, given_secrets
from adapters.commands.verdicts import MARKS, Verdict, refused_on_arrival
from adapters.mongo.client import Document


def verdict_update(verdict: Verdict, *, now: datetime, keys_kept: timedelta | None = None) -> Document:
    """The update that writes this verdict. `keys_kept`: how long an ended command is kept; a dead one, and
    what has not ended, is kept until somebody decides or it ends."""
    to_set: Document = {"state": verdict.state, "attempts": verdict.attempts}
    to_set |= _times(verdict, now, keys_kept) | verdict.marks
    to_unset = _gone(verdict)
    if verdict.error:
        to_set["error"] = verdict.error
    if verdict.warnings:
        to_set["warnings"] = verdict.warnings
    if verdict.follow_ups:
        to_set["follow_ups"] = verdict.follow_ups
    if verdict.state == "dead" and verdict.entity_version is not None:
        to_set["died_at_version"] = verdict.entity_version
    if "purge_at" in to_set:  # a command that may run again keeps its secrets
        to_set |= {f"payload.{name}": MASK for name in given_secrets(verdict.command)}
    if verdict.events:
        to_set["events"] = verdict.command.get("events", 0) + len(verdict.events)
    entry: Document = {"state": verdict.state, "at": now}
    if verdict.error is not None:
        entry["code"] = verdict.error["code"]
    update: Document = {"$set": to_set, "$push": {"history": {"$each": [entry], "$slice": -HISTORY}}}
    if to_unset:
        update["$unset"] = dict.fromkeys(to_unset, "")
    return update


def new_document(verdict: Verdict, *, now: datetime, keys_kept: timedelta) -> Document:
    """A command that nobody has stored yet, as that same update would leave it."""
    update = verdict_update(verdict, now=now, keys_kept=keys_kept)
    gone = update.get("$unset", {})
    document = {name: value for name, value in verdict.command.items() if name not in gone}
    for name, value in update["$set"].items():
        outer, _, inner = name.partition(".")
        document[outer] = document[outer] | {inner: value} if inner else value
    return document | {name: pushed["$each"] for name, pushed in update["$push"].items()}


def final_on_arrival(
    document: Document, state: State, *, error: Document | None, at: datetime, keys_kept: timedelta
) -> Document:
    """A fresh command that is final on arrival, without a worker; `arrival_event` is its one event."""
    verdict = refused_on_arrival(document, state, error, at=at)
    return new_document(verdict, now=at, keys_kept=keys_kept)


def _times(verdict: Verdict, now: datetime, keys_kept: timedelta | None) -> Document:
    """When it ended and may be deleted, or when it is due again, or what it waits for."""
    if verdict.state == "dead" or (verdict.state in FINAL and verdict.marks):  # a person is to decide
        return {"finished_at": now}
    if verdict.state in FINAL:
        assert keys_kept is not None, f"{verdict.state} is an ending: say how long its key is kept"
        return {"finished_at": now, "purge_at": now + keys_kept}
    if verdict.next_at is not None:
        # `hint_at` too: the relay then passes over what waits for its time without reading it.
        return {"next_at": verdict.next_at, "hint_at": verdict.next_at}
    return {"after": verdict.after} if verdict.after else {}


def _gone(verdict: Verdict) -> list[str]:
    """Fields that a command in this state no longer has; present ones only, absent ones cost time too."""
    gone: list[str] = []
    if verdict.state in FINAL:
        gone += ["active", "next_at", "hint_at"]
        gone += [name for name in ("after", "suspect") if name in verdict.command]
    elif verdict.next_at is None:
        gone.append("next_at")
    if verdict.state in FINAL or verdict.state == "parked":
        gone += [name for name in MARKS if name in verdict.command and name not in verdict.marks]
    if verdict.error is None and "error" in verdict.command:
        gone.append("error")
    return gone
