"""What commands come to, and the one place that writes it onto them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from adapters.commands.document import ACTIVE, FOLLOW_UP, HISTORY, State, event
from adapters.commands.secrets import MASK, given_secrets
from adapters.mongo.client import Document
from tasks.command import Spec

MARKS = ("inbox", "for_planner", "blocks", "waits_for")
"""`inbox`: a person must decide, on a `conflict` or by a `review`; `for_planner`: a planner, not its author.
`blocks`: the outbox whose lane waits behind it. `waits_for`: the target whose existence releases it."""

DECIDED = tuple(mark for mark in MARKS if mark != "blocks")
"""What goes when a parked command runs again."""

Ref = tuple[str, str]
"""(collection, document id)."""


class Verdict(msgspec.Struct, kw_only=True):
    """What one command comes to. `state` may stay `accepted`, with `after`: it waits.

    What it did to the entity is told by its events, so that commands that end alike are alike.
    """

    command: Document
    state: State
    events: list[Document]
    error: Document | None = None
    warnings: list[Document] = []
    follow_ups: int = 0
    """How many; `followed` finds them by their keys, so that commands that end alike stay alike."""
    next_at: datetime | None = None
    attempts: int = 0
    after: list[str] = []
    marks: Document = {}
    """What of MARKS is set on it; those it had before are gone."""
    entity_version: int | None = None


class Written(msgspec.Struct, kw_only=True):
    """An entity as a batch leaves it. `fields` are those that the batch wrote: all of them, of a new one."""

    document: Document
    is_new: bool
    fields: set[str] = set()

    @property
    def update(self) -> Document:
        """What makes the old document this one."""
        return {"$set": {name: self.document[name] for name in self.fields}}


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """A new entity beside a command's target, rows of its ledger, and the event that tells of it. `size`: of
    the document, in bytes."""

    document: Document
    rows: list[Document]
    size: int
    event_id: str


MOST_CREATED = 500
CREATED_BYTES = 4 * 1024 * 1024
"""What one batch may create, in entities and bytes: then it takes no more commands, for its commit's sake."""


class Changes(msgspec.Struct, kw_only=True):
    """All that a batch wants written."""

    verdicts: list[Verdict] = []
    entities: dict[Ref, Written] = {}
    entries: dict[str, tuple[bool, Document]] = {}
    """Ledger rows by id: whether the row is new, and the row."""
    follow_ups: list[Document] = []
    created: dict[Ref, Created] = {}
    """Entities beside the targets. What is there already is found out when all is written, and left alone."""
    created_bytes: int = 0
    begun: list[Document] = []
    """Once written: the follow-ups that were new."""
    guards: set[Ref] = set()
    """Entities that must not change until we commit."""
    awaited: list[tuple[Document, str]] = []
    """A command, and the id of one that now waits for it."""
    warned: dict[str, list[Document]] = {}
    """Warnings for parents' receipts, by command id."""
    is_cut: bool = False
    """Whether commands were left to the next batch."""

    @property
    def is_full(self) -> bool:
        return len(self.created) >= MOST_CREATED or self.created_bytes >= CREATED_BYTES


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided on a command that waited for a person: by whom, and by which later command."""

    command_id: str
    choice: str
    by: Document
    reason: str | None = None
    by_command: str | None = None


def reapplied(verdicts: list[Verdict]) -> list[Resolution]:
    """The conflicts that these commands have settled, by taking effect in their place."""
    return [
        Resolution(
            command_id=verdict.command["resolves"],
            choice="reapply",
            by={
                name: who for name in ("user_id", "device_id") if (who := verdict.command["origin"].get(name))
            },
            by_command=verdict.command["_id"],
        )
        for verdict in verdicts
        if verdict.state == "applied" and "resolves" in verdict.command
    ]


def followed(tenant_id: str, parents: Iterable[str]) -> Document:
    """Selects the follow-ups of these commands, by the index of keys: a follow-up's is its parent's id, a
    colon and a step, which sorts before a semicolon."""
    keys = [{"idempotency.key": {"$gt": f"{id}:", "$lt": f"{id};"}} for id in parents]
    return {"tenant_id": tenant_id, "idempotency.scope": FOLLOW_UP, "$or": keys}


def blocking(command: Document, spec: Spec | None) -> Document:
    """The mark of a command that its lane waits behind, once it is dead, parked or in conflict: one of a
    device that others of the same device build on. None on what only appends, and on ways out."""
    origin = command["origin"]
    blocks = spec is not None and spec.is_guarded and origin["via"] == "offline" and "resolves" not in command
    return {"blocks": origin["outbox"]} if blocks else {}


def is_ending(state: State) -> bool:
    return state not in ACTIVE


def verdict_update(verdict: Verdict, *, now: datetime, keys_kept: timedelta) -> Document:
    """The update that writes a verdict on its command."""
    to_set: Document = {"state": verdict.state, "attempts": verdict.attempts}
    to_set |= _place(verdict, now, keys_kept) | verdict.marks
    to_unset = _gone(verdict)
    to_set |= {
        name: value for name in ("error", "warnings", "follow_ups") if (value := getattr(verdict, name))
    }
    if verdict.state == "dead" and verdict.entity_version is not None:
        to_set["died_at_version"] = verdict.entity_version
    if "purge_at" in to_set:  # who may be asked for again keeps them
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


def left_by(verdict: Verdict, *, now: datetime, keys_kept: timedelta) -> Document:
    """A command that nobody has stored yet, as that same update would leave it."""
    update = verdict_update(verdict, now=now, keys_kept=keys_kept)
    gone = update.get("$unset", {})
    document = {name: value for name, value in verdict.command.items() if name not in gone}
    for name, value in update["$set"].items():
        outer, _, inner = name.partition(".")
        document[outer] = document[outer] | {inner: value} if inner else value
    return document | {name: pushed["$each"] for name, pushed in update["$push"].items()}


def settled(
    document: Document, state: State, *, error: Document | None, at: datetime, keys_kept: timedelta
) -> Document:
    """A fresh command that is final where it came in, without a worker; `ending` is its one event."""
    final = document | {"state": state, "finished_at": at} | ({"error": error} if error else {})
    verdict = Verdict(command=document, state=state, events=[ending(final)], error=error)
    return left_by(verdict, now=at, keys_kept=keys_kept)


def ending(settled: Document) -> Document:
    """The event of a command that was settled where it came in."""
    error = settled.get("error") or {}
    said = {name: error[name] for name in ("code", "message") if name in error}
    return event(settled, 0, f"command.{settled['state']}", at=settled["finished_at"], data=said)


def _place(verdict: Verdict, now: datetime, keys_kept: timedelta) -> Document:
    """When it ended and may be forgotten, or when it is due again, or what it waits for."""
    if verdict.state == "dead" or (is_ending(verdict.state) and verdict.marks):  # a person is to decide
        return {"finished_at": now}
    if is_ending(verdict.state):
        return {"finished_at": now, "purge_at": now + keys_kept}
    if verdict.next_at is not None:
        # `hint_at` too: the relay then passes over what waits for its time without reading it.
        return {"next_at": verdict.next_at, "hint_at": verdict.next_at}
    return {"after": verdict.after} if verdict.after else {}


def _gone(verdict: Verdict) -> list[str]:
    """Fields that a command in this state no longer has; present ones only, absent ones cost time too."""
    gone: list[str] = []
    if is_ending(verdict.state):
        gone += ["active", "next_at", "hint_at"]
        gone += [name for name in ("after", "suspect") if name in verdict.command]
    elif verdict.next_at is None:
        gone.append("next_at")
    if is_ending(verdict.state) or verdict.state == "parked":
        gone += [name for name in MARKS if name in verdict.command and name not in verdict.marks]
    if verdict.error is None and "error" in verdict.command:
        gone.append("error")
    return gone
