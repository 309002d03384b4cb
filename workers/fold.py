"""Folding: the pure heart of a drain. Commands in, verdicts and changes out, in the order of acceptance."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from adapters.commands import RUNNABLE, event
from adapters.hints import Line
from adapters.masking import masked
from adapters.mongo import Contention, Document, Unavailable, UnknownOutcome
from adapters.unit_of_work import EVENTS_READ
from adapters.verdicts import Verdict, is_ending
from domain.errors import Conflict, Missing, Rejected
from tasks.command import Spec
from workers.fate import APPLIED, Fate, Newer, fate_of
from workers.overlay import Overlay
from workers.snapshot import Snapshot

DIFF = 50
"""Rows of a conflict's diff: a person reads no more."""

Forced = Mapping[str, Exception]
"""Commands whose write the store refused, with the refusal: they are not run again, only judged."""


def fold(
    commands: Iterable[Document], snapshot: Snapshot, *, chance: random.Random, forced: Forced
) -> tuple[list[Verdict], set[Line]]:
    """Run each command on the state its predecessors leave. Returns verdicts and the lines that now wait."""
    verdicts: list[Verdict] = []
    held: set[Line] = set()
    for command in commands:
        line = (command["tenant_id"], command["target"])
        if line in held:
            continue
        verdict = _run(command, snapshot, chance, forced)
        if verdict is None:
            held.add(line)
            continue
        verdicts.append(verdict)
        snapshot.outcomes[command["_id"]] = verdict.state
        snapshot.news.setdefault(line, []).extend(verdict.events)
        if verdict.state == "retrying" or verdict.state == "accepted":
            held.add(line)
    snapshot.changes.verdicts = verdicts
    return verdicts, held


def _run(command: Document, snapshot: Snapshot, chance: random.Random, forced: Forced) -> Verdict | None:
    """The command's verdict; None when it must stay as it is, for a newer worker."""
    attempts = command["attempts"]
    try:
        if command["_id"] in forced:
            raise forced[command["_id"]]
        return applied(command, snapshot)
    except Newer:
        return None
    except (Contention, UnknownOutcome, Unavailable):
        raise  # the store's, met while reading on demand: no fault of this command
    except Missing as missing:
        waiting = _behind_create(command, missing, snapshot)
        return waiting or _verdict(command, fate_of(missing, attempts=attempts, chance=chance), snapshot)
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is an ending, and the table names it
        return _verdict(command, fate_of(error, attempts=attempts, chance=chance), snapshot)


def applied(command: Document, snapshot: Snapshot) -> Verdict:
    """Run it, and put what it does into the snapshot. Raises: whatever its handler does; then nothing is."""
    spec = snapshot.catalogue[command["type"]]
    overlay = Overlay(snapshot, command, spec, _permitted(command, spec, snapshot))
    _handle(command, spec, snapshot, overlay)
    events, version = overlay.merge()
    return Verdict(
        command=command,
        state=APPLIED.state,
        events=events,
        warnings=overlay.warnings,
        follow_ups=overlay.follow_up_ids,
        attempts=command["attempts"] + 1,
        entity_version=version,
    )


def _permitted(command: Document, spec: Spec, snapshot: Snapshot) -> Any:
    actor = snapshot.actor(command)
    if actor is None:
        raise Rejected("actor_inactive", "the user who sent this is no longer active")
    if spec.permission and not actor.can(spec.permission):
        raise Rejected(
            "forbidden", f"this needs the permission {spec.permission}", permission=spec.permission
        )
    return actor


def _payload(command: Document, spec: Spec, snapshot: Snapshot) -> Any:
    try:
        return snapshot.payload(command, spec)
    except msgspec.ValidationError as error:
        raise Rejected("invalid_payload", str(error)) from error


def _handle(command: Document, spec: Spec, snapshot: Snapshot, overlay: Overlay) -> None:
    """Run the handler, and compare what it would change with what others changed since the author's base.

    A refusal on a moved base is a conflict too: its author acted on a state that is gone.
    """
    try:
        spec.handler(_payload(command, spec, snapshot), overlay)
    except Missing:
        raise
    except Rejected as refusal:
        raise _moved(command, frozenset(spec.touches), snapshot) or refusal from None
    if conflict := _moved(command, overlay.seal() & set(spec.touches), snapshot):
        raise conflict


def _moved(command: Document, touched: frozenset[str], snapshot: Snapshot) -> Conflict | None:
    """The conflict, if somebody else has changed one of these fields since the version the author saw."""
    base = command.get("base_version")
    if base is None or not touched:
        return None
    device = command["origin"].get("device_id")
    since = snapshot.changed_since((command["tenant_id"], command["target"]), base)
    mine = masked(command)["payload"]
    diff = [
        {
            "path": f"/{path}",
            "mine": mine.get(path),
            "by": event["actor"].get("user_id"),
            "at": event["at"],
            "version": event["version"],
        }
        for event in since
        if device is None or event["actor"].get("device_id") != device
        for path in sorted(touched.intersection(event["paths"]))
    ]
    if diff:
        return Conflict("base_moved", f"changed since version {base}", diff=diff[:DIFF])
    if len(since) >= EVENTS_READ:
        return Conflict("base_too_old", f"version {base} is more than {EVENTS_READ} events ago")
    return None


def _behind_create(command: Document, missing: Missing, snapshot: Snapshot) -> Verdict | None:
    """A command that names an entity whose create is active waits for it; if that died, it is parked."""
    target = f"{missing.kind}:{missing.id}"
    create = snapshot.predecessor(command, target)
    if create is None:
        return None
    snapshot.changes.awaited.append((create, command["_id"]))
    after, attempts = [create["_id"]], command["attempts"]
    if create["state"] in RUNNABLE:
        return Verdict(command=command, state="accepted", events=[], after=after, attempts=attempts)
    told = event(command, command.get("events", 0), "command.parked", at=snapshot.now, data={"after": after})
    error = {"code": "predecessor_stuck", "message": f"the create of {target} is {create['state']}"}
    return Verdict(
        command=command, state="parked", events=[told], after=after, error=error, attempts=attempts
    )


def _verdict(command: Document, fate: Fate, snapshot: Snapshot) -> Verdict:
    error = fate.error or {}
    told: Document = {name: error[name] for name in ("code", "message") if name in error}
    name = f"command.{fate.state}"
    return Verdict(
        command=command,
        state=fate.state,
        events=[event(command, command.get("events", 0), name, at=snapshot.now, data=told)],
        error=fate.error,
        next_at=snapshot.now + fate.delay if fate.delay is not None else None,
        attempts=command["attempts"] + 1 if fate.counts or is_ending(fate.state) else command["attempts"],
        entity_version=snapshot.version(command) if fate.state == "dead" else None,
    )
