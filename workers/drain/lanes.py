"""Lanes: what one device does to one entity, in its own order, past whatever waits for a person.

A guarded command of a device that ends in conflict, dies, or waits for a person *blocks* its lane: the
guarded ones behind it are parked until that one is decided, appends go on. Whoever decides releases them in
the order of the lane. The device's own way out (`resolves`) passes them. `adapters/commands/parking.py` says
where the rest of this lives.
"""

from __future__ import annotations

from adapters.commands import parking
from adapters.commands.document import effective_at
from adapters.commands.verdicts import Verdict, blocking, is_ending
from adapters.mongo.client import Document
from domain.conflicts import REVIEWED, is_too_old
from domain.errors import Missing, Rejected
from tasks.command import Spec
from workers.drain.snapshot import Snapshot


def behind(command: Document, spec: Spec, snapshot: Snapshot) -> Verdict | None:
    """Parked behind what blocks its lane, if something does and the command depends on it."""
    if "lane_seq" not in command["origin"] or not spec.is_guarded:
        return None
    blocker = next(
        (found for found in snapshot.blockers(command) if _is_before(found, command)),
        None,
    )
    if blocker is None:
        return None
    snapshot.changes.awaited.append((blocker, command["_id"]))
    why = {"code": f"behind_{blocker['state']}", "message": f"it waits for what becomes of {blocker['_id']}"}
    return parked(command, snapshot, why, after=[blocker["_id"]])


def _is_before(blocker: Document, command: Document) -> bool:
    if blocker["_id"] in (command["_id"], command.get("resolves")):
        return False
    return bool(blocker["origin"]["lane_seq"] < command["origin"]["lane_seq"])


def must_be_open(command: Document, snapshot: Snapshot) -> None:
    """Raises: Rejected: already_resolved, for a way out of a conflict that somebody has decided meanwhile."""
    if "resolves" in command and not snapshot.is_blocker(command, command["resolves"]):
        raise Rejected("already_resolved", "somebody has decided on this conflict before")


def must_be_recent(command: Document) -> None:
    """Raises: Rejected: too_old, for what a device did so long ago that a person should look at it first."""
    happened = effective_at(command["origin"], command["accepted_at"])
    if is_too_old(happened, command["accepted_at"]):
        raise Rejected("too_old", f"this happened on {happened:%Y-%m-%d}: {REVIEWED['too_old']}")


def for_review(command: Document, spec: Spec, refusal: Rejected, snapshot: Snapshot) -> Verdict | None:
    """Parked for a person, where the refusal is one that work done offline is not lost to."""
    if command["origin"]["via"] != "offline" or refusal.code not in REVIEWED:
        return None
    why = {"code": refusal.code, "message": refusal.message}
    return parked(command, snapshot, why, marks={"inbox": "review"} | blocking(command, spec))


def awaiting(command: Document, spec: Spec, missing: Missing, snapshot: Snapshot) -> Verdict | None:
    """Parked until what it names exists, or a person gives it up: the create may come from another device."""
    if command["origin"]["via"] != "offline":
        return None
    why = {"code": missing.code, "message": missing.message}
    marks = {"inbox": "review", "waits_for": f"{missing.kind}:{missing.id}"}
    return parked(command, snapshot, why, marks=marks | blocking(command, spec))


def marks(command: Document, spec: Spec, verdict: Verdict) -> Document:
    """What is marked on a command that ends so."""
    if verdict.state == "dead":
        return blocking(command, spec)
    if verdict.state == "conflict" and (blocks := blocking(command, spec)):
        return {"inbox": "conflict", **blocks}
    return {}


def resumes(command: Document, verdict: Verdict) -> bool:
    """Whether the lane goes on from here: what was parked behind this must run before what follows it."""
    if not is_ending(verdict.state) or verdict.state in ("conflict", "dead"):
        return False
    return "blocks" in command or (verdict.state == "applied" and "resolves" in command)


def parked(
    command: Document,
    snapshot: Snapshot,
    why: Document,
    *,
    after: list[str] | None = None,
    marks: Document | None = None,
) -> Verdict:
    """Parked at this batch's time, for a reason that its receipt tells."""
    return parking.parked(command, at=snapshot.now, why=why, after=after or [], marks=marks or {})
