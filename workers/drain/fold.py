"""Folding: the pure heart of a drain. Commands in, verdicts and changes out, in the order of acceptance."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from adapters.commands.document import RUNNABLE, TargetQueue, event
from adapters.commands.verdicts import Verdict, blocking, is_ending
from adapters.mongo.client import Contention, Document, Unavailable, UnknownOutcome
from domain.errors import Missing, Rejected
from domain.identity.actor import Actor
from domain.identity.permissions import leave_for
from tasks.command import Spec
from workers.drain import lanes
from workers.drain.conflict_check import Base, conflict, give_way
from workers.drain.fate import APPLIED, Fate, Newer, fate_of
from workers.drain.overlay import Overlay
from workers.drain.snapshot import Snapshot

OFFLINE = "offline.submit"

Forced = Mapping[str, Exception]
"""Commands whose write the store refused, with the refusal: they are not run again, only judged."""


def fold(
    commands: Iterable[Document], snapshot: Snapshot, *, chance: random.Random, forced: Forced
) -> tuple[list[Verdict], set[TargetQueue]]:
    """Run each command on the state its predecessors leave, as many as one batch may write: none that another
    of the batch has been parked behind, whom its ending could not release.

    Returns verdicts and the lines that now wait.
    """
    verdicts: list[Verdict] = []
    held: set[TargetQueue] = set()
    for command in commands:
        if snapshot.changes.is_full or snapshot.is_awaited(command):
            snapshot.changes.is_cut = True
            break
        line = (command["tenant_id"], command["target"])
        if line in held:
            continue
        verdict = _run(command, snapshot, chance, forced)
        if verdict is None:
            held.add(line)
            continue
        verdicts.append(verdict)
        snapshot.note(line, verdict)
        if verdict.state in ("retrying", "accepted") or lanes.resumes(command, verdict):
            held.add(line)
    snapshot.changes.verdicts = verdicts
    return verdicts, held


def _run(command: Document, snapshot: Snapshot, chance: random.Random, forced: Forced) -> Verdict | None:
    """The command's verdict; None when it must stay as it is, for a newer worker."""
    spec, attempts = snapshot.catalogue[command["type"]], command["attempts"]
    try:
        if command["_id"] in forced:
            raise forced[command["_id"]]
        if parked := lanes.behind(command, spec, snapshot):
            return parked
        lanes.must_be_open(command, snapshot)
        return applied(command, snapshot)
    except Newer:
        return None
    except (Contention, UnknownOutcome, Unavailable):
        raise  # the store's, met while reading on demand: no fault of this command
    except Missing as missing:
        waiting = _behind_create(command, spec, missing, snapshot) or lanes.awaiting(
            command, spec, missing, snapshot
        )
        return waiting or _verdict(
            command, spec, fate_of(missing, attempts=attempts, chance=chance), snapshot
        )
    except Rejected as refusal:
        fate = fate_of(refusal, attempts=attempts, chance=chance)
        return lanes.for_review(command, spec, refusal, snapshot) or _verdict(command, spec, fate, snapshot)
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is an ending, and the table names it
        return _verdict(command, spec, fate_of(error, attempts=attempts, chance=chance), snapshot)


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
        follow_ups=overlay.follow_up_count,
        attempts=command["attempts"] + 1,
        entity_version=version,
    )


def _permitted(command: Document, spec: Spec, snapshot: Snapshot) -> Actor:
    """Who speaks, with the roles of now. Raises: Rejected: actor_inactive, forbidden, too_old."""
    if "vouched_by" in command:
        return _vouched(command, spec, snapshot)
    actor = snapshot.actor(command)
    if actor is None:
        raise Rejected("actor_inactive", "the user who sent this is no longer active")
    _must_be_allowed(actor, spec.permission)
    if command["origin"]["via"] == "offline":
        _must_be_allowed(actor, OFFLINE)
        lanes.must_be_recent(command)
    return actor


def _vouched(command: Document, spec: Spec, snapshot: Snapshot) -> Actor:
    """The author, with the leave of whoever has looked at it; that one must have it still."""
    by = snapshot.user(command["tenant_id"], command["vouched_by"])
    if by is None:
        raise Rejected("actor_inactive", "the user who vouched for this is no longer active")
    _must_be_allowed(by, leave_for(spec.permission) if spec.permission else None)
    author = snapshot.actor(command)
    roles = author.roles if author else ()
    own = author.granted if author else frozenset[str]()
    return Actor(
        tenant_id=by.tenant_id, user_id=command["origin"]["user_id"], roles=roles, granted=own | by.granted
    )


def _must_be_allowed(actor: Actor, permission: str | None) -> None:
    if permission and not actor.can(permission):
        raise Rejected("forbidden", f"this needs the permission {permission}", permission=permission)


def _payload(command: Document, spec: Spec, snapshot: Snapshot) -> Any:
    try:
        return snapshot.payload(command, spec)
    except msgspec.ValidationError as error:
        raise Rejected("invalid_payload", str(error)) from error


def _handle(command: Document, spec: Spec, snapshot: Snapshot, overlay: Overlay) -> None:
    """Run the handler, and compare what it would change with what others changed since the author's base.

    A refusal on a moved base is a conflict too: its author acted on a state that is gone.
    """
    wanted = _payload(command, spec, snapshot)
    base = Base(command, snapshot)
    left = give_way(base, spec, overlay)
    if left is None:
        return
    if left is not command["payload"]:
        wanted = msgspec.convert(left, spec.payload)
    try:
        spec.handler(wanted, overlay)
    except Missing:
        raise
    except Rejected as refusal:
        raise conflict(base, spec, overlay, spec.touched(left), refusal) or refusal from None
    if moved := conflict(base, spec, overlay, overlay.seal()):
        raise moved


def _behind_create(command: Document, spec: Spec, missing: Missing, snapshot: Snapshot) -> Verdict | None:
    """A command that names an entity whose create is active waits for it; if that died, it is parked."""
    target = f"{missing.kind}:{missing.id}"
    create = snapshot.predecessor(command, target)
    if create is None:
        return None
    snapshot.changes.awaited.append((create, command["_id"]))
    after, attempts = [create["_id"]], command["attempts"]
    if create["state"] in RUNNABLE:
        return Verdict(command=command, state="accepted", events=[], after=after, attempts=attempts)
    why = {"code": "predecessor_stuck", "message": f"the create of {target} is {create['state']}"}
    return lanes.parked(command, snapshot, why, after=after, marks=blocking(command, spec))


def _verdict(command: Document, spec: Spec, fate: Fate, snapshot: Snapshot) -> Verdict:
    error = fate.error or {}
    told: Document = {name: error[name] for name in ("code", "message") if name in error}
    name = f"command.{fate.state}"
    verdict = Verdict(
        command=command,
        state=fate.state,
        events=[event(command, command.get("events", 0), name, at=snapshot.now, data=told)],
        error=fate.error,
        next_at=snapshot.now + fate.delay if fate.delay is not None else None,
        attempts=command["attempts"] + 1 if fate.counts or is_ending(fate.state) else command["attempts"],
        entity_version=snapshot.version(command) if fate.state == "dead" else None,
    )
    verdict.marks = lanes.marks(command, spec, verdict)
    return verdict
