"""Lanes: what one device does to one entity, in its own order, past whatever waits for a person.

A guarded command of a device that ends in conflict, dies, or waits for a person *blocks* its lane: the
guarded ones behind it are parked until that one is decided, appends run. Whoever decides releases them in
the order of the lane. The device's own way out (`resolves`) passes them.
"""

from __future__ import annotations

from adapters.commands.document import RUNNABLE, effective_at
from adapters.commands.verdicts import Verdict, blocking, parked, waiting
from adapters.mongo.client import Document
from domain.conflicts import REVIEWED, is_too_old
from domain.errors import Missing, Rejected
from workers.drain.case import Case


def behind_blocker(case: Case) -> Verdict | None:
    """Parked behind what blocks its lane, if something does and the command depends on it.

    Raises: Rejected: already_resolved, for a way out of a conflict that somebody has decided meanwhile.
    """
    command = case.command
    if "lane_seq" in command["origin"] and case.spec.is_guarded and (blocker := _blocker(case)):
        why = {
            "code": f"behind_{blocker['state']}",
            "message": f"it waits for what becomes of {blocker['_id']}",
        }
        return parked(command, at=case.now, behind=blocker, why=why)
    if "resolves" in command and all(one["_id"] != command["resolves"] for one in case.blockers):
        raise Rejected("already_resolved", "somebody has decided on this conflict before")
    return None


def _blocker(case: Case) -> Document | None:
    """The first of its lane before it, other than itself and what it resolves."""
    command, place = case.command, case.command["origin"]["lane_seq"]
    own = (command["_id"], command.get("resolves"))
    in_lane = [
        one
        for one in case.blockers
        if one["blocks"] == case.outbox and one["_id"] not in own and one["origin"]["lane_seq"] < place
    ]
    return min(in_lane, key=lambda one: one["origin"]["lane_seq"], default=None)


def must_be_recent(command: Document) -> None:
    """Raises: Rejected: too_old, for what a device did so long ago that a person should look at it first."""
    happened = effective_at(command["origin"], command["accepted_at"])
    if is_too_old(happened, command["accepted_at"]):
        raise Rejected("too_old", f"this happened on {happened:%Y-%m-%d}: {REVIEWED['too_old']}")


def for_review(case: Case, refusal: Rejected) -> Verdict | None:
    """Parked for a person, where the refusal is one that must not cost a device its work."""
    if case.command["origin"]["via"] != "offline" or refusal.code not in REVIEWED:
        return None
    why = {"code": refusal.code, "message": refusal.message}
    marks = {"inbox": "review"} | blocking(case.command, case.spec)
    return parked(case.command, at=case.now, why=why, marks=marks)


def for_missing(case: Case, missing: Missing, create: Document | None) -> Verdict | None:
    """Of a command that names an entity which does not exist: it waits for the create, or is parked behind
    one that is parked or dead. A device's is parked until the entity exists, or a person gives it up: the
    create may come from another device."""
    command, target = case.command, f"{missing.kind}:{missing.id}"
    if create is not None and create["state"] in RUNNABLE:
        return waiting(command, behind=create)
    if create is not None:
        stuck = {"code": "predecessor_stuck", "message": f"the create of {target} is {create['state']}"}
        return parked(command, at=case.now, behind=create, why=stuck, marks=blocking(command, case.spec))
    if command["origin"]["via"] != "offline":
        return None
    why = {"code": missing.code, "message": missing.message}
    marks = {"inbox": "review", "waits_for": target} | blocking(command, case.spec)
    return parked(command, at=case.now, why=why, marks=marks)
