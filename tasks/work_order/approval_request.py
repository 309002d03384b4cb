"""work_order.approval.request"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from domain.errors import Rejected
from domain.fields import Word
from domain.ids import Id
from domain.work_order.approvals import start_approval
from domain.work_order.model import ApprovalStep
from tasks.command import Payload, handles
from tasks.flows.work_order import load_own, save_change
from tasks.work import Work


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An approval step: one person, or anyone with a role."""

    approver_id: Id | None = None
    role: Word | None = None

    def __post_init__(self) -> None:
        if (self.approver_id is None) == (self.role is None):
            raise ValueError("a step names either approver_id or role")


class RequestApproval(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    steps: Annotated[tuple[Step, ...], Meta(min_length=1, max_length=10)]


@handles("work_order.approval.request", permission="workorders.discuss", touches=("status", "approvals"))
def request_approval(cmd: RequestApproval, work: Work) -> None:
    """Request approval in steps; requesting again starts a new round."""
    if not work.actor.can("workorders.execute") and not work.actor.can("workorders.write"):
        raise Rejected("forbidden", "only those who plan or do the work may request its approval")
    order = load_own(work)
    steps = tuple(ApprovalStep(approver_id=step.approver_id, role=step.role) for step in cmd.steps)
    after = start_approval(order, steps, by=work.actor.user_id, at=work.occurred_at)
    save_change(work, order, after, "work_order.approval_requested", steps=msgspec.to_builtins(cmd.steps))
