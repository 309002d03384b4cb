"""Approvals: steps are decided in order, each by its person or role, never by who requested the approval."""

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
    """The order with a new round of approval; a pending round starts over.

    Raises: Rejected: self_approval, invalid_transition.
    """
    status = next_status(order.number, order.status, "ask_approval")
    if by is not None and any(one.approver_id == by for one in steps):
        raise Rejected("self_approval", "who requests an approval cannot also decide it", path="steps")
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
    """The order with its next step decided: the last approval approves it, one rejection returns it to draft.

    Raises: Rejected: no_approval_pending, self_approval, not_your_step, invalid_transition.
    """
    done = [one for one in order.approvals if one.verdict is not None]
    pending = order.approvals[len(done) :]
    if not pending:
        raise Rejected("no_approval_pending", f"{order.number} has no approval pending")
    _check_decider(order, pending[0], actor)
    action: Action = "reject" if verdict == "reject" else "approve_step" if pending[1:] else "approve"
    decided = replace(pending[0], verdict=verdict, by=actor.user_id, at=at, note=note)
    return replace(
        order,
        status=next_status(order.number, order.status, action),
        # A rejection drops the steps after it.
        approvals=(*done, decided, *(() if verdict == "reject" else pending[1:])),
        moved=Move(action=action, by=actor.user_id, at=at),
        reason=note if verdict == "reject" else order.reason,
    )


def _check_decider(order: WorkOrder, step: ApprovalStep, actor: Actor) -> None:
    if actor.user_id is not None and actor.user_id == order.approval_requested_by:
        raise Rejected("self_approval", "who requests an approval cannot also decide it")
    is_decider = step.approver_id == actor.user_id if step.approver_id else step.role in actor.roles
    if actor.is_system or not is_decider:
        raise Rejected("not_your_step", f"the next approval step of {order.number} is not yours to decide")
