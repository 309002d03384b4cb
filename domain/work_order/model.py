"""The work order and its transitions. A method returns a new order, or the same object if nothing changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal, Self

import msgspec

from domain.entity import Entity
from domain.errors import Rejected
from domain.identity.actor import Actor
from domain.work_order import holders
from domain.work_order.checklist import Item, Value, unanswered, with_answer
from domain.work_order.transitions import Action, Status, next_status
from domain.work_order.watch import Watch

Type = Literal["corrective", "preventive", "inspection", "calibration", "safety"]
Priority = Literal["low", "medium", "high", "critical"]
HoldReason = Literal["parts", "access", "approval", "weather", "other"]


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """The last change of status: by whom, by what action, and at what effective time."""

    action: Action
    by: str | None
    at: datetime


class PartLine(msgspec.Struct, frozen=True, kw_only=True):
    """The totals of one part: planned, used (taken minus returned), and the cost of the parts used."""

    part_id: str
    planned: Decimal = Decimal(0)
    used: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)


class ApprovalStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of an approval: a person or a role decides, in order."""

    approver_id: str | None = None
    role: str | None = None
    verdict: Literal["approve", "reject"] | None = None
    by: str | None = None
    at: datetime | None = None
    note: str | None = None


class FromPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The plan occurrence an order was opened for; it never changes. `occurrence` is the nominal local time
    in `time_zone`, even if a holiday or a person has moved the due date."""

    id: str
    revision: int
    lane: str
    occurrence: str
    time_zone: str
    window_until: datetime | None = None


class WorkOrder(Entity, frozen=True, kw_only=True):
    """A piece of work, from request to closed books.

    Times are effective times (when it happened, not when the server heard of it). Totals are sums over ledger
    rows that are not void. `currency` is that of the first cost.
    """

    kind: ClassVar[str] = "work_order"
    collection: ClassVar[str] = "work_orders"
    named: ClassVar[Mapping[str, tuple[str, str]]] = {"checklist": ("item_id", "value")}

    number: str
    title: str
    description: str | None = None
    status: Status
    type: Type
    priority: Priority
    asset_id: str | None = None
    due_at: datetime | None = None
    assignee_ids: tuple[str, ...] = ()
    team_id: str | None = None
    checklist: tuple[Item, ...] = ()
    parts: tuple[PartLine, ...] = ()
    approvals: tuple[ApprovalStep, ...] = ()
    approval_requested_by: str | None = None
    hold_reason: HoldReason | None = None
    hold_until: datetime | None = None
    completion_note: str | None = None
    failure_code: str | None = None
    cause_code: str | None = None
    remedy_code: str | None = None
    reason: str | None = None
    """Why it was cancelled, reopened or sent back, whichever came last."""
    labor_minutes: int = 0
    cost_total: Decimal = Decimal(0)
    currency: str | None = None
    comment_count: int = 0
    attachment_count: int = 0
    signature_count: int = 0
    request_id: str | None = None
    plan: FromPlan | None = None
    route: tuple[str, ...] = ()
    """The assets of the round, if one order covers several."""
    watch: Watch | None = None
    look_at: datetime | None = None
    """When its next due check is; None: no clock is running."""
    created_by: str | None = None
    created_at: datetime
    moved: Move | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    start_measured: bool = False
    end_measured: bool = False
    """Whether `started_at` or `completed_at` was recorded by a device at the time, not reported later."""
    closed_at: datetime | None = None
    cancelled_at: datetime | None = None

    @property
    def approval_pending(self) -> bool:
        return any(step.verdict is None for step in self.approvals)

    @property
    def holders(self) -> tuple[str, ...]:
        """The assignees, or TEAM if only a team is set."""
        return holders.holders(self.assignee_ids, self.team_id)

    def must_be_worked_by(self, actor: Actor) -> None:
        """Refuse actors who neither hold the order nor may write orders. Raises: Rejected: not_assigned."""
        if actor.can("workorders.write"):
            return
        if actor.user_id not in self.holders and holders.TEAM not in self.holders:
            raise Rejected("not_assigned", f"{self.number} is not assigned to you")

    def update(self, **changes: Any) -> Self:
        """The order with other values of plain fields. Raises: Rejected: invalid_transition."""
        next_status(self.number, self.status, "update")
        return self._with(**changes)

    def assign(
        self, assignee_ids: tuple[str, ...], team_id: str | None, *, by: str | None, at: datetime
    ) -> Self:
        """The order assigned to these people and this team; with neither, an assigned order returns to
        `requested`.

        Raises: Rejected: approval_pending, invalid_transition.
        """
        if (assignee_ids, team_id) == (self.assignee_ids, self.team_id):
            return self
        action: Action = "assign" if assignee_ids or team_id else "unassign"
        self._check_approved(action)
        return self._transition(action, by, at, assignee_ids=assignee_ids, team_id=team_id)

    def start(self, *, by: str | None, at: datetime, measured: bool = False) -> Self:
        """The order in progress; `started_at` is the earliest start, and measured starts replace reported
        ones.

        `measured`: recorded by a device at the time. A measured start of an order already in progress only
        corrects that time. Raises: Rejected: approval_pending, invalid_transition.
        """
        if measured and self.status == "in_progress":
            is_earlier = self.started_at is None or at < self.started_at
            return (
                self
                if self.start_measured and not is_earlier
                else self._with(started_at=at, start_measured=True)
            )
        self._check_approved("start")
        first = self.started_at or at
        return self._transition("start", by, at, started_at=first, start_measured=measured and first == at)

    def hold(
        self, reason: HoldReason, until: datetime | None = None, *, by: str | None, at: datetime
    ) -> Self:
        """The order on hold. The reason decides whether its clocks stop; holding again changes it."""
        if (self.status, self.hold_reason, self.hold_until) == ("on_hold", reason, until):
            return self
        return self._transition("hold", by, at, hold_reason=reason, hold_until=until)

    def resume(self, *, by: str | None, at: datetime) -> Self:
        return self._transition("resume", by, at, hold_reason=None, hold_until=None)

    def complete(
        self,
        *,
        by: str | None,
        at: datetime,
        measured: bool = False,
        note: str | None = None,
        failure_code: str | None = None,
        cause_code: str | None = None,
        remedy_code: str | None = None,
    ) -> Self:
        """The completed order. Completing again changes nothing, except that a measured end (the latest one)
        replaces a reported end. Raises: Rejected: checklist_incomplete, invalid_transition."""
        if self.status == "completed":
            is_later = self.completed_at is None or at > self.completed_at
            is_news = measured and (is_later or not self.end_measured)
            return self._with_measured_end(at) if is_news else self
        next_status(self.number, self.status, "complete")
        if open_items := unanswered(self.checklist):
            raise Rejected(
                "checklist_incomplete",
                f"{len(open_items)} required items are not answered, first: {open_items[0].text}",
                items=[item.item_id for item in open_items],
            )
        # A device's clock may run behind the server's, which recorded the start.
        completed_at = max(at, self.started_at or at)
        return self._transition(
            "complete",
            by,
            completed_at,
            completed_at=completed_at,
            end_measured=measured,
            completion_note=note,
            failure_code=failure_code,
            cause_code=cause_code,
            remedy_code=remedy_code,
        )

    def reopen(self, reason: str, *, by: str | None, at: datetime) -> Self:
        return self._transition("reopen", by, at, reason=reason, completed_at=None, end_measured=False)

    def close(self, *, by: str | None, at: datetime) -> Self:
        """The closed order: nothing more is booked on it."""
        return self._transition("close", by, at, closed_at=at)

    def cancel(self, reason: str, *, by: str | None, at: datetime) -> Self:
        return self._transition(
            "cancel", by, at, reason=reason, cancelled_at=at, hold_reason=None, hold_until=None
        )

    def answer(
        self,
        item_id: str,
        value: Value,
        *,
        by: str | None,
        at: datetime,
        evidence_sha256: str | None = None,
    ) -> Self:
        """The order with the checklist item answered. Raises: Rejected: as `with_answer`."""
        next_status(self.number, self.status, "answer")
        items = with_answer(self.checklist, item_id, value, by=by, at=at, evidence_sha256=evidence_sha256)
        return self if items is self.checklist else self._with(checklist=items)

    def _with_measured_end(self, at: datetime) -> Self:
        # A device's clock may run behind the server's, which recorded the start.
        completed_at = max(at, self.started_at or at)
        if completed_at == self.completed_at and self.end_measured:
            return self
        return self._with(completed_at=completed_at, end_measured=True)

    def _check_approved(self, action: Action) -> None:
        if self.status == "requested" and self.approval_pending:
            raise Rejected("approval_pending", f"{self.number} waits for approval", action=action)

    def _transition(self, action: Action, by: str | None, at: datetime, **changes: Any) -> Self:
        """The order after a transition. A repeat by the same person changes nothing and is no error."""
        if self._repeats(action, by):
            return self
        status = next_status(self.number, self.status, action)
        if status != self.status:
            changes |= {"status": status, "moved": Move(action=action, by=by, at=at)}
        return self._with(**changes)

    def _repeats(self, action: Action, by: str | None) -> bool:
        last = self.moved
        if last is None or last.by != by or last.action == "hold":
            return False
        if action in ("start", "resume"):
            return self.status == "in_progress"
        return last.action == action and action in ("reopen", "close", "cancel")

    def _with(self, **changes: Any) -> Self:
        return msgspec.structs.replace(self, **changes)


def initial_status(assignee_ids: tuple[str, ...], team_id: str | None) -> Status:
    """The status of a new order: `assigned` if it has assignees or a team, else `requested`."""
    return "assigned" if assignee_ids or team_id else "requested"


def order_number(number: int) -> str:
    """The order's number as people see it: WO-000123, with more digits from a million on."""
    return f"WO-{number:06d}"
