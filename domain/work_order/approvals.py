"""Approval: steps decided in order, each by its person or role, none by who asked."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec.structs import replace

from domain.errors import Rejected
from domain.identity.actor import Actor
from domain.work_order.model import ApprovalStep, Move, WorkOrder
from domain.work_order.transitions import Action, next_status

Verdict = Literal["approve", "reject"]


def start_approval(
    order: WorkOrder, steps: tuple[ApprovalStep, ...], *, by: str | None, at: datetime
) -> WorkOrder:
    """A new round; one under way begins again. Raises: Rejected: self_approval, invalid_transition."""
    status = next_status(order.number, order.status, "ask_approval")
    if by is not None and any(wanted.approver_id == by for wanted in steps):
        raise Rejected("self_approval", "nobody approves what they ask for", path="steps")
    return replace(
        order,
        status=status,
        approvals=steps,
        approval_requested_by=by,
        moved=Move(action="ask_approval", by=by, at=at),
    )


def decide(
    order: WorkOrder, verdict: Verdict, *, actor: Actor, at: datetime, note: str | None = None
) -> WorkOrder:
    """The next step decided: the last approval approves the order, one rejection sends it back to draft.

    Raises: Rejected: no_approval_pending, self_approval, not_your_step, invalid_transition.
    """
    done = [wanted for wanted in order.approvals if wanted.verdict is not None]
    left = order.approvals[len(done) :]
    if not left:
        raise Rejected("no_approval_pending", f"{order.number} waits for nobody's approval")
    _must_decide(order, left[0], actor)
    action: Action = "reject" if verdict == "reject" else "approve_step" if left[1:] else "approve"
    decided = replace(left[0], verdict=verdict, by=actor.user_id, at=at, note=note)
    return replace(
        order,
        status=next_status(order.number, order.status, action),
        # What follows a rejection is not asked any more.
        approvals=(*done, decided, *(() if verdict == "reject" else left[1:])),
        moved=Move(action=action, by=actor.user_id, at=at),
        reason=note if verdict == "reject" else order.reason,
    )


def _must_decide(order: WorkOrder, wanted: ApprovalStep, actor: Actor) -> None:
    if actor.user_id is not None and actor.user_id == order.approval_requested_by:
        raise Rejected("self_approval", "nobody approves what they ask for")
    mine = wanted.approver_id == actor.user_id if wanted.approver_id else wanted.role in actor.roles
    if actor.is_system or not mine:
        raise Rejected("not_your_step", f"the next step of {order.number} is not yours to decide")
