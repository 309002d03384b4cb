"""A work order, and how it moves. A method gives a new order, or the very same one when nothing changed."""

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
    """The last change of status: who, what, and when in the world."""

    action: Action
    by: str | None
    at: datetime


class PartLine(msgspec.Struct, frozen=True, kw_only=True):
    """One part: what was planned, what was used (taken minus returned), and what that cost."""

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
    """Which occurrence of which plan an order is: its identity, for ever. `occurrence` is the nominal local
    time in `time_zone`, wherever a holiday or a person has moved the due date."""

    id: str
    revision: int
    lane: str
    occurrence: str
    time_zone: str
    window_until: datetime | None = None


class WorkOrder(Entity, frozen=True, kw_only=True):
    """Something to be done, from request to closed books.

    Times are effective ones (when it happened in the world). Totals are sums over the ledger's rows that are
    not void. `currency` is that of the first cost; `assignee_ids` and `team_id` say whose work it is.
    """

    kind: ClassVar[str] = "work_order"
    collection: ClassVar[str] = "work_orders"
    order_number: ClassVar[Mapping[str, tuple[str, str]]] = {"checklist": ("item_id", "value")}

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
    """The assets of one round, where one order serves several."""
    watch: Watch | None = None
    look_at: datetime | None = None
    """When its clocks are to be looked at next; None: nothing of it runs."""
    created_by: str | None = None
    created_at: datetime
    moved: Move | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    start_measured: bool = False
    end_measured: bool = False
    """Whether that time was noted where and when the work was done, rather than told to the office later."""
    closed_at: datetime | None = None
    cancelled_at: datetime | None = None

    @property
    def approval_pending(self) -> bool:
        return any(step.verdict is None for step in self.approvals)

    @property
    def holders(self) -> tuple[str, ...]:
        """Whose work it is: people, or whoever may execute work, where a team has it and nobody by name."""
        return holders.holders(self.assignee_ids, self.team_id)

    def must_be_worked_by(self, actor: Actor) -> None:
        """Technicians do their own work; who may write orders may do anyone's. Raises: not_assigned."""
        if actor.can("workorders.write"):
            return
        if actor.user_id not in self.holders and holders.TEAM not in self.holders:
            raise Rejected("not_assigned", f"{self.number} is not assigned to you")

    def update(self, **changes: Any) -> Self:
        """With other values of its plain fields. Raises: Rejected: invalid_transition."""
        next_status(self.number, self.status, "update")
        return self._with(**changes)

    def assign(
        self, assignee_ids: tuple[str, ...], team_id: str | None, *, by: str | None, at: datetime
    ) -> Self:
        """Given to these people and this team; to nobody puts an assigned order back to `requested`.

        Raises: Rejected: approval_pending, invalid_transition.
        """
        if (assignee_ids, team_id) == (self.assignee_ids, self.team_id):
            return self
        action: Action = "assign" if assignee_ids or team_id else "unassign"
        self._approved_for(action)
        return self._moved(action, by, at, assignee_ids=assignee_ids, team_id=team_id)

    def start(self, *, by: str | None, at: datetime, measured: bool = False) -> Self:
        """In progress; `started_at` is that of the first start, a measured one before a told one.

        Started where the work is (`measured`) what is begun already is no change but of that time. Raises:
        Rejected.
        """
        if measured and self.status == "in_progress":
            is_earlier = self.started_at is None or at < self.started_at
            return (
                self
                if self.start_measured and not is_earlier
                else self._with(started_at=at, start_measured=True)
            )
        self._approved_for("start")
        first = self.started_at or at
        return self._moved("start", by, at, started_at=first, start_measured=measured and first == at)

    def hold(
        self, reason: HoldReason, until: datetime | None = None, *, by: str | None, at: datetime
    ) -> Self:
        """Waiting, for a reason that decides whether the clocks stop. Held again: the reason changes."""
        if (self.status, self.hold_reason, self.hold_until) == ("on_hold", reason, until):
            return self
        return self._moved("hold", by, at, hold_reason=reason, hold_until=until)

    def resume(self, *, by: str | None, at: datetime) -> Self:
        return self._moved("resume", by, at, hold_reason=None, hold_until=None)

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
        """Done; whoever says it again changes nothing, but that a measured end (the latest, if there are
        several) goes before one told to the office. Raises: Rejected: checklist_incomplete."""
        if self.status == "completed":
            is_later = self.completed_at is None or at > self.completed_at
            return self if not measured or (self.end_measured and not is_later) else self._ended(at)
        next_status(self.number, self.status, "complete")
        if open_items := unanswered(self.checklist):
            raise Rejected(
                "checklist_incomplete",
                f"{len(open_items)} required items are not answered, first: {open_items[0].text}",
                items=[item.item_id for item in open_items],
            )
        # A device's clock may run behind the server that noted the start.
        ended = max(at, self.started_at or at)
        return self._moved(
            "complete",
            by,
            ended,
            completed_at=ended,
            end_measured=measured,
            completion_note=note,
            failure_code=failure_code,
            cause_code=cause_code,
            remedy_code=remedy_code,
        )

    def reopen(self, reason: str, *, by: str | None, at: datetime) -> Self:
        return self._moved("reopen", by, at, reason=reason, completed_at=None, end_measured=False)

    def close(self, *, by: str | None, at: datetime) -> Self:
        """No more is booked on it from here on."""
        return self._moved("close", by, at, closed_at=at)

    def cancel(self, reason: str, *, by: str | None, at: datetime) -> Self:
        return self._moved(
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
        """With that answer on its checklist. Raises: Rejected as `answered`."""
        next_status(self.number, self.status, "answer")
        items = with_answer(self.checklist, item_id, value, by=by, at=at, evidence_sha256=evidence_sha256)
        return self if items is self.checklist else self._with(checklist=items)

    def _ended(self, at: datetime) -> Self:
        # Never before it began: a device's clock may run behind the server that noted the start.
        ended = max(at, self.started_at or at)
        if ended == self.completed_at and self.end_measured:
            return self
        return self._with(completed_at=ended, end_measured=True)

    def _approved_for(self, action: Action) -> None:
        if self.status == "requested" and self.approval_pending:
            raise Rejected("approval_pending", f"{self.number} waits for approval", action=action)

    def _moved(self, action: Action, by: str | None, at: datetime, **changes: Any) -> Self:
        """Through the table. The same word again from the same person is no change and no error."""
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
    """A new order is `requested`, unless it is born with someone to do it: then it is `assigned`."""
    return "assigned" if assignee_ids or team_id else "requested"


def order_number(number: int) -> str:
    """WO-000123; longer when a tenant outgrows a million."""
    return f"WO-{number:06d}"
