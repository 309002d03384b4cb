"""How commands update an order's clocks: what they read, save, emit and notify."""

from __future__ import annotations

from datetime import datetime

from domain.entity import Entity
from domain.order_clocks import clocks
from domain.order_clocks.clocks import ClockCheck
from domain.policies import Policies
from domain.time.working_calendar import Calendar
from domain.work_order.model import WorkOrder
from tasks.command import THE_TENANTS
from tasks.work import Work

POLICIES: tuple[type[Entity], str] = (Policies, THE_TENANTS)
"""For `reads=` of commands that open or check orders: a batch reads its tenants' policies together."""


def policies(work: Work) -> Policies | None:
    """The tenant's policies, or None: then no order has clocks."""
    return work.peek(Policies, THE_TENANTS)


def with_clocks(work: Work, order: WorkOrder) -> WorkOrder:
    """The new order with its clocks started."""
    return clocks.start_watch(order, policies(work), _calendars(work), now=work.now)


def update_clocks(work: Work, before: WorkOrder, after: WorkOrder) -> ClockCheck:
    """The changed order with its clocks updated. Raises: Rejected: as `clocks.update_clocks`."""
    if not clocks.affects_clocks(before, after):
        return ClockCheck(order=after)
    at, now = work.occurred_at, work.now
    return clocks.update_clocks(before, after, policies(work), _calendars(work), at=at, now=now)


def check_due(work: Work, order: WorkOrder, *, at: datetime | None = None) -> None:
    """Check the order's clocks; save and announce what is new. Leaves no trace if nothing is.

    `at` is the instant it was due at: it counts as reached, even if the server's clock has been set back
    since.
    """
    now = max(work.now, at or work.now)
    check = clocks.check_clocks(order, policies(work), _calendars(work), now=now)
    if check.order is not order:
        work.save(check.order)
    announce(work, check)


def announce(work: Work, check: ClockCheck) -> None:
    """Emit the events of a clock check, and open its notices."""
    for name, data in check.events:
        work.emit(name, **data)
    for notice in check.notices:
        work.create(
            notice,
            "notice.opened",
            about=notice.about,
            step=notice.step,
            kind=notice.template,
            critical=notice.critical,
        )


def _calendars(work: Work) -> clocks.Calendars:
    return lambda id: work.peek(Calendar, id)
