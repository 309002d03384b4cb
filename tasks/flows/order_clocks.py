"""How commands keep an order's clocks: what they read for it, save, emit and have people told."""

from __future__ import annotations

from datetime import datetime

from domain.entity import Entity
from domain.order_clocks import clocks
from domain.order_clocks.clocks import Looked
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


def born(work: Work, order: WorkOrder) -> WorkOrder:
    """A new order, put on watch."""
    return clocks.begun(order, policies(work), _calendars(work), now=work.now)


def moved(work: Work, before: WorkOrder, after: WorkOrder) -> Looked:
    """The order after a change, with its clocks moved on. Raises: Rejected: as `clocks.moved`."""
    if not clocks.heeds(before, after):
        return Looked(order=after)
    at, now = work.occurred_at, work.now
    return clocks.moved(before, after, policies(work), _calendars(work), at=at, now=now)


def look(work: Work, order: WorkOrder, *, at: datetime | None = None) -> None:
    """See what the time has brought, and save and tell it; nothing: no trace.

    `at` is the instant at which it was found due: that is used up, even if the clock has been set back since.
    """
    now = max(work.now, at or work.now)
    looked = clocks.looked(order, policies(work), _calendars(work), now=now)
    if looked.order is not order:
        work.save(looked.order)
    tell(work, looked)


def tell(work: Work, looked: Looked) -> None:
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
