"""The one table of work order transitions. API, worker, offline replay and import all use it.

    draft <-> requested -> approved -> assigned -> in_progress <-> on_hold
                                                   in_progress -> completed -> closed
                                                   completed -> in_progress (reopen)
    and every open status -> cancelled

Small teams skip steps: a requested order with no open approval may be assigned or started at once. `draft` is
an order that an approver rejected; requesting approval again takes it out of `draft`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from domain.errors import Rejected

Status = Literal[
    "draft",
    "requested",
    "approved",
    "assigned",
    "in_progress",
    "on_hold",
    "completed",
    "closed",
    "cancelled",
]
Action = Literal[
    "ask_approval",
    "approve_step",
    "approve",
    "reject",
    "assign",
    "unassign",
    "start",
    "hold",
    "resume",
    "complete",
    "reopen",
    "close",
    "cancel",
    "update",
    "answer",
    "sign",
    "book",
    "comment",
    "attach",
]

STATUSES: tuple[Status, ...] = get_args(Status)
ACTIONS: tuple[Action, ...] = get_args(Action)
OPEN: tuple[Status, ...] = ("draft", "requested", "approved", "assigned", "in_progress", "on_hold")
"""Statuses in which work may still be done."""

_MOVES: dict[tuple[Status, Action], Status] = {
    ("draft", "ask_approval"): "requested",
    ("requested", "approve"): "approved",
    ("requested", "reject"): "draft",
    ("requested", "assign"): "assigned",
    ("requested", "start"): "in_progress",
    ("approved", "assign"): "assigned",
    ("approved", "start"): "in_progress",
    ("assigned", "unassign"): "requested",
    ("assigned", "start"): "in_progress",
    ("in_progress", "hold"): "on_hold",
    ("on_hold", "resume"): "in_progress",
    ("in_progress", "complete"): "completed",
    ("completed", "reopen"): "in_progress",
    ("completed", "close"): "closed",
    **{(status, "cancel"): "cancelled" for status in OPEN},
}
# Actions that leave the status as it is.
_STAYS: dict[Action, tuple[Status, ...]] = {
    "ask_approval": ("requested",),
    "approve_step": ("requested",),
    "assign": ("assigned", "in_progress", "on_hold"),
    "hold": ("on_hold",),
    "update": OPEN,
    "answer": ("in_progress", "on_hold"),
    "sign": ("in_progress", "on_hold", "completed"),
    # Also on a cancelled order: its hours and parts may arrive late and still count.
    "book": tuple(status for status in STATUSES if status != "closed"),
    "comment": STATUSES,
    "attach": STATUSES,
}

TRANSITIONS: Mapping[tuple[Status, Action], Status] = {
    **_MOVES,
    **{(status, action): status for action, statuses in _STAYS.items() for status in statuses},
}

_PAST: dict[Action, str] = {
    "ask_approval": "sent for approval",
    "approve_step": "approved",
    "approve": "approved",
    "reject": "rejected",
    "assign": "assigned",
    "unassign": "left without assignee",
    "start": "started",
    "hold": "put on hold",
    "resume": "resumed",
    "complete": "completed",
    "reopen": "reopened",
    "close": "closed",
    "cancel": "cancelled",
    "update": "changed",
    "answer": "answered",
    "sign": "signed",
}


def next_status(number: str, status: Status, action: Action) -> Status:
    """The status after `action`. Raises: Rejected: locked_period, invalid_transition."""
    after = TRANSITIONS.get((status, action))
    if after is not None:
        return after
    if action == "book":
        raise Rejected("locked_period", f"{number} is closed: nothing more is booked on it", status=status)
    shown = status.replace("_", " ")
    raise Rejected(
        "invalid_transition",
        f"{number} is {shown}: it cannot be {_PAST.get(action, action)}",
        status=status,
        action=action,
        aim=aim(action),
    )


def aim(action: Action) -> Status | None:
    """The status an action leads to; None if it leaves the status unchanged."""
    return next((after for (_, other), after in _MOVES.items() if other == action), None)
