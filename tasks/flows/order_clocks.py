"""How commands keep an order's clocks: what they read for it, save, emit and have people told."""

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
"""For `reads=`: a batch that opens or looks at orders reads its tenants' policies at once."""


def policies(work: Work) -> Policies | None:
    """The tenant's, or None: then nothing has clocks."""
    return work.peek(Policies, THE_TENANTS)


def with_clocks(work: Work, order: WorkOrder) -> WorkOrder:
    """A new order, put on watch."""
    return clocks.start_watch(order, policies(work), _calendars(work), now=work.now)


def update_clocks(work: Work, before: WorkOrder, after: WorkOrder) -> ClockCheck:
    """The order after a change, with its clocks moved on. Raises: Rejected: as `clocks.moved`."""
    if not clocks.affects_clocks(before, after):
        return ClockCheck(order=after)
    at, now = work.occurred_at, work.now
    return clocks.update_clocks(before, after, policies(work), _calendars(work), at=at, now=now)


def check_due(work: Work, order: WorkOrder, *, at: datetime | None = None) -> None:
    """See what the time has brought, and save and tell it; nothing: no trace.

    `at` is the instant at which it was found due: that is used up, even if the clock has been set back since.
    """
    now = max(work.now, at or work.now)
    looked = clocks.check_clocks(order, policies(work), _calendars(work), now=now)
    if looked.order is not order:
        work.save(looked.order)
    announce(work, looked)


def announce(work: Work, looked: ClockCheck) -> None:
    """Emit what happened to the clocks, and have people told."""
    for name, data in looked.events:
        work.emit(name, **data)
    for notice in looked.notices:
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
