"""work_order.retime"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from domain.entity import Entity
from domain.ids import Id
from domain.work_order.model import WorkOrder
from tasks.command import Payload, handles
from tasks.flows import order_clocks as clocks
from tasks.work import Work


class Retime(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    calendar_version: Annotated[int, Meta(ge=1)]


def reads(cmd: Retime) -> Iterable[tuple[type[Entity], str]]:
    return (clocks.POLICIES,)


@handles("work_order.retime", permission=None, internal=True, reads=reads)
def retime(cmd: Retime, work: Work) -> None:
    """Recompute the SLA clocks of an order, because their calendar has changed."""
    order = work.load(WorkOrder)
    sla = order.watch.sla if order.watch else None
    if sla is not None and (sla.calendar_version or 0) < cmd.calendar_version:
        clocks.check_due(work, order)
