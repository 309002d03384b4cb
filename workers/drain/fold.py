"""Folding: the pure heart of a drain. Commands in, verdicts and changes out, in the order of acceptance."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

import msgspec

from adapters.commands import verdicts
from adapters.commands.document import TargetQueue
from adapters.commands.verdicts import Verdict
from adapters.mongo.client import Contention, Document, Unavailable, UnknownOutcome
from domain.errors import Missing, Rejected
from domain.identity.actor import Actor
from domain.identity.permissions import leave_for
from tasks.command import Payload
from workers.drain import lanes
from workers.drain.case import Case
from workers.drain.conflict_check import conflict, give_way
from workers.drain.effects import Effects
from workers.drain.fate import Newer, fate_of
from workers.drain.overlay import Overlay
from workers.drain.snapshot import Snapshot

OFFLINE = "offline.submit"

Forced = Mapping[str, Exception]
"""Commands whose write the store refused, with the refusal: they are not run again, only judged."""


def fold(
    commands: Iterable[Document], snapshot: Snapshot, *, chance: random.Random, forced: Forced
) -> set[TargetQueue]:
    """Run each command on the state its predecessors leave, as many as one batch may write; verdicts and
    changes are in the snapshot then.

    Returns the target queues that now wait.
    """
    held: set[TargetQueue] = set()
    for command in commands:
        queue = (command["tenant_id"], command["target"])
        if queue in held:
            continue
        if (refusal := forced.get(command["_id"])) is not None:
            bare = snapshot.bare_case(command)
            snapshot.absorb(bare, _ended(bare, refusal, snapshot, chance), None)
            continue
        if (case := snapshot.case(command)) is None:
            break
        verdict, effects = _judge(case, snapshot, chance)
        if verdict is None:
            held.add(queue)
            continue
        snapshot.absorb(case, verdict, effects)
        if verdict.holds_queue:
            held.add(queue)
    return held


def _judge(case: Case, snapshot: Snapshot, chance: random.Random) -> tuple[Verdict | None, Effects | None]:
    """The command's verdict and effects; no verdict: it must stay as it is, for a newer worker."""
    command = case.command
    try:
        if is_in_lane(command) and (parked := lanes.behind_blocker(case)):
            return parked, None
        effects = run(case, snapshot)
    except Newer:
        return None, None
    except (Contention, UnknownOutcome, Unavailable):
        raise  # the store's, met while reading on demand: no fault of this command
    except Missing as missing:
        create = snapshot.create_of(command, f"{missing.kind}:{missing.id}")
        return lanes.for_missing(case, missing, create) or _ended(case, missing, snapshot, chance), None
    except Rejected as refusal:
        return lanes.for_review(case, refusal) or _ended(case, refusal, snapshot, chance), None
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is an ending, and the table names it
        return _ended(case, error, snapshot, chance), None
    applied = verdicts.applied(
        command,
        effects.events,
        warnings=effects.warnings,
        follow_ups=len(effects.follow_ups),
        entity_version=effects.version,
    )
    return applied, effects


def _ended(case: Case, error: Exception, snapshot: Snapshot, chance: random.Random) -> Verdict:
    """The verdict that the table of `fate.py` has for this error."""
    command, attempts = case.command, case.command["attempts"]
    fate = fate_of(error, attempts=attempts, chance=chance)
    if fate.delay is not None:
        return verdicts.retrying(command, fate.error, at=case.now, delay=fate.delay)
    if fate.state == "dead":
        return verdicts.dead(
            command,
            case.spec,
            fate.error,
            at=case.now,
            attempts=attempts + 1,
            entity_version=snapshot.version(case.ref),
        )
    return verdicts.refused(command, case.spec, fate.state, fate.error, at=case.now)


def is_in_lane(command: Document) -> bool:
    """Whether it came from a device, or takes the place of a command that did."""
    return "outbox" in command["origin"] or "resolves" in command


def run(case: Case, snapshot: Snapshot) -> Effects:
    """Run its handler, and compare what it would change with what others changed since the author's base.

    A refusal on a moved base is a conflict too: its author acted on a state that is gone. Raises: whatever
    the handler does, Rejected, Conflict.
    """
    actor = _permitted(case)
    overlay, payload = Overlay(snapshot, case, actor), _payload(case)
    left = give_way(case, overlay) if case.outbox else case.command["payload"]
    if left is None:
        return overlay.effects()
    if left is not case.command["payload"]:
        payload = msgspec.convert(left, case.spec.payload)
    try:
        case.spec.handler(payload, overlay)
    except Missing:
        raise
    except Rejected as refusal:
        raise conflict(case, overlay, case.spec.touched(left), refusal) or refusal from None
    effects = overlay.effects()
    if case.base_version is not None and (moved := conflict(case, overlay, effects.paths)):
        raise moved
    return effects


def _payload(case: Case) -> Payload:
    """Raises: Rejected: invalid_payload."""
    try:
        return case.payload or msgspec.convert(case.command["payload"], case.spec.payload)
    except msgspec.ValidationError as error:
        raise Rejected("invalid_payload", str(error)) from error


def _permitted(case: Case) -> Actor:
    """Who speaks, with the roles of now. Raises: Rejected: actor_inactive, forbidden, too_old."""
    if "vouched_by" in case.command:
        return _vouched(case)
    if case.author is None:
        raise Rejected("actor_inactive", "the user who sent this is no longer active")
    _must_be_allowed(case.author, case.spec.permission)
    if case.command["origin"]["via"] == "offline":
        _must_be_allowed(case.author, OFFLINE)
        lanes.must_be_recent(case.command)
    return case.author


def _vouched(case: Case) -> Actor:
    """The author, with the permission of whoever approved it, who must have it still."""
    by, author, permission = case.voucher, case.author, case.spec.permission
    if by is None:
        raise Rejected("actor_inactive", "the user who vouched for this is no longer active")
    _must_be_allowed(by, leave_for(permission) if permission else None)
    return Actor(
        tenant_id=by.tenant_id,
        user_id=case.command["origin"]["user_id"],
        roles=author.roles if author else (),
        granted=(author.granted if author else frozenset[str]()) | by.granted,
    )


def _must_be_allowed(actor: Actor, permission: str | None) -> None:
    if permission and not actor.can(permission):
        raise Rejected("forbidden", f"this needs the permission {permission}", permission=permission)
