"""Verdicts: what a command comes to, by whoever judges it, and how it comes to run again.

Every verdict is made here: by a worker (`applied`, `refused`, `retrying`, `dead`, `parked`, `waiting`), by a
person (`ended_by_hand`), or on arrival (`refused_on_arrival`). Whatever waits comes back by `runs_again`.
How a verdict is written on its command: `verdict_updates.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from adapters.commands.document import (
    ACTIVE,
    DUE,
    FOLLOW_UP,
    HISTORY,
    LAST,
    State,
    event,
)
from adapters.mongo.client import Document
from tasks.command import Spec

MARKS = ("inbox", "for_planner", "blocks", "waits_for")
"""`inbox`: a person must decide, on a `conflict` or by a `review`; `for_planner`: a planner, not its author.
`blocks`: the outbox whose lane waits behind it. `waits_for`: the target whose existence releases it."""

DECIDED = tuple(mark for mark in MARKS if mark != "blocks")
"""The marks that go when a parked command runs again."""


class Verdict(msgspec.Struct, kw_only=True):
    """What one command comes to. `state` may stay `accepted`, with `after`: it waits.

    What it did to the entity is in its events, so that the updates of commands that end alike are alike.
    """

    command: Document
    state: State
    events: list[Document]
    error: Document | None = None
    warnings: list[Document] = []
    follow_ups: int = 0
    """How many; `follow_ups_filter` finds them by their keys."""
    next_at: datetime | None = None
    attempts: int = 0
    after: list[str] = []
    behind: Document | None = None
    """The command that it waits for, as its judge has seen it; to be marked as `awaited`."""
    marks: Document = {}
    """What of MARKS is set on it; those it had before are gone."""
    entity_version: int | None = None

    @property
    def holds_queue(self) -> bool:
        """Whether the rest of its target queue waits: for this command, or for those that it releases."""
        return self.state in ("retrying", "accepted") or self.resumes_lane

    @property
    def resumes_lane(self) -> bool:
        """Whether its lane continues: what was parked behind it must run before what follows it."""
        if self.state in (*ACTIVE, "conflict", "dead"):
            return False
        return "blocks" in self.command or (self.state == "applied" and "resolves" in self.command)


def is_ending(state: State) -> bool:
    return state not in ACTIVE


# -- by a worker ------------------------------------------------------------------------------------------


def applied(
    command: Document,
    events: list[Document],
    *,
    warnings: list[Document],
    follow_ups: int,
    entity_version: int | None,
) -> Verdict:
    return Verdict(
        command=command,
        state="applied",
        events=events,
        warnings=warnings,
        follow_ups=follow_ups,
        attempts=command["attempts"] + 1,
        entity_version=entity_version,
    )


def refused(command: Document, spec: Spec, state: State, error: Document, *, at: datetime) -> Verdict:
    """`rejected`, or a `conflict`; that of a device blocks its lane until its author has decided."""
    blocks = blocking(command, spec) if state == "conflict" else {}
    return Verdict(
        command=command,
        state=state,
        events=[_event(command, state, error, at)],
        error=error,
        attempts=command["attempts"] + 1,
        marks={"inbox": "conflict", **blocks} if blocks else {},
    )


def retrying(command: Document, error: Document, *, at: datetime, delay: timedelta) -> Verdict:
    """It keeps its place at the head of its target queue, which waits behind it."""
    return Verdict(
        command=command,
        state="retrying",
        events=[_event(command, "retrying", error, at)],
        error=error,
        next_at=at + delay,
        attempts=command["attempts"] + 1,
    )


def dead(
    command: Document,
    spec: Spec | None,
    error: Document,
    *,
    at: datetime,
    attempts: int,
    entity_version: int | None,
) -> Verdict:
    """`entity_version`: its target's at its death, on which a replay is based. `attempts`: with the last."""
    return Verdict(
        command=command,
        state="dead",
        events=[_event(command, "dead", error, at)],
        error=error,
        attempts=attempts,
        marks=blocking(command, spec),
        entity_version=entity_version,
    )


def parked(
    command: Document,
    *,
    at: datetime,
    behind: Document | None = None,
    after: list[str] | None = None,
    why: Document | None = None,
    marks: Document | None = None,
) -> Verdict:
    """Out of its target queue, which continues, until a person has decided, or what it waits for has come.

    `behind`: the command that it waits for; `after`: the ids of those that it waits for already.
    """
    after = [behind["_id"]] if behind else after or []
    data = (why or {}) | ({"after": after} if after else {})
    return Verdict(
        command=command,
        state="parked",
        events=[event(command, command.get("events", 0), "command.parked", at=at, data=data)],
        error=why,
        after=after,
        behind=behind,
        marks=marks or {},
        attempts=command["attempts"],
    )


def waiting(command: Document, *, behind: Document) -> Verdict:
    """Still `accepted`, at its place, until that command has ended."""
    return Verdict(
        command=command,
        state="accepted",
        events=[],
        after=[behind["_id"]],
        behind=behind,
        attempts=command["attempts"],
    )


# -- by a person, and on arrival --------------------------------------------------------------------------


def ended_by_hand(command: Document, state: State) -> Verdict:
    """`cancelled`, `discarded` or `superseded`; its event is written by whoever acts."""
    # What killed it is part of its story; why a live one was last retried is not.
    error = command.get("error") if command["state"] == "dead" else None
    return Verdict(command=command, state=state, events=[], error=error, attempts=command["attempts"])


def refused_on_arrival(document: Document, state: State, error: Document | None, *, at: datetime) -> Verdict:
    """A fresh command that is final without a worker having seen it."""
    return Verdict(command=document, state=state, events=[_event(document, state, error, at)], error=error)


def arrival_event(document: Document) -> Document:
    """The one event of a command that was final on arrival."""
    return _event(document, document["state"], document.get("error"), document["finished_at"])


# -- and again ---------------------------------------------------------------------------------------------


def runs_again(
    command: Document, *, at: datetime | None = None, by: Document | None = None, reason: str = ""
) -> Document:
    """The update by which a command that waits, is parked, or is dead runs again.

    One that waits keeps its place; the others go to the end of their target queue. A parked one blocks its
    lane until it has ended: who is parked behind it comes next. A dead one is based on the version at its
    death, so that it meets what came later as a conflict. `by`, `reason`, `at`: of the person who decides.
    """
    if command["state"] in ("accepted", "retrying"):
        return {"$set": dict(DUE), "$unset": {"after": ""}}
    update: Document = {"$set": dict(DUE), "$currentDate": LAST}
    if command["state"] == "dead":
        update["$set"] |= {"active": True, "attempts": 0}
        if "died_at_version" in command:
            update["$set"]["base_version"] = command["died_at_version"]
        if command.get("losses"):
            update["$set"]["suspect"] = True  # it may have killed its workers: it runs alone
        gone: Iterable[str] = ("error", "finished_at", "purge_at", "losses", "died_at_version")
    else:
        gone = ("after", *DECIDED, "error")
    update["$unset"] = dict.fromkeys(gone, "")
    if by is not None:
        entry = {"state": "accepted", "at": at, "by": by, "reason": reason}
        update["$push"] = {"history": {"$each": [entry], "$slice": -HISTORY}}
    return update


# -- lanes and resolutions -----------------------------------------------------------------------------------


def blocking(command: Document, spec: Spec | None) -> Document:
    """The mark of a command that its lane waits behind, once it is dead, parked or in conflict: one of a
    device that others of the same device build on. None on what only appends, and on ways out."""
    origin = command["origin"]
    blocks = spec is not None and spec.is_guarded and origin["via"] == "offline" and "resolves" not in command
    return {"blocks": origin["outbox"]} if blocks else {}


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided on a command that waited for a person: by whom, and by which later command."""

    command_id: str
    choice: str
    by: Document
    reason: str | None = None
    by_command: str | None = None


def reapplied(verdicts: list[Verdict]) -> list[Resolution]:
    """The conflicts that these commands have resolved, by taking effect in their place."""
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


def follow_ups_filter(tenant_id: str, parents: Iterable[str]) -> Document:
    """Selects the follow-ups of these commands, by the index of keys: a follow-up's is its parent's id, a
    colon and a step, which sorts before a semicolon."""
    keys = [{"idempotency.key": {"$gt": f"{id}:", "$lt": f"{id};"}} for id in parents]
    return {"tenant_id": tenant_id, "idempotency.scope": FOLLOW_UP, "$or": keys}


def _event(command: Document, state: State, error: Document | None, at: datetime) -> Document:
    data: Document = {name: error[name] for name in ("code", "message") if error and name in error}
    return event(command, command.get("events", 0), f"command.{state}", at=at, data=data)
