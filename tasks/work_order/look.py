"""work_order.look"""

from __future__ import annotations

from collections.abc import Iterable

from domain.entity import Entity
from domain.fields import Instant, instant
from domain.ids import Id
from domain.work_order.model import WorkOrder
from tasks.command import Payload, handles
from tasks.flows import order_clocks as clocks
from tasks.work import Work


class Look(Payload, frozen=True, kw_only=True):
    """`at`: the order's `look_at` at which it was due; the clocks are checked at that time, or now if
    later."""

    work_order_id: Id
    at: Instant


def reads(cmd: Look) -> Iterable[tuple[type[Entity], str]]:
    return (clocks.POLICIES,)


@handles("work_order.look", permission=None, internal=True, reads=reads)
def look(cmd: Look, work: Work) -> None:
    """Check the order's clocks: breaches, escalations, reminders."""
    clocks.check_due(work, work.load(WorkOrder), at=instant(cmd.at))
