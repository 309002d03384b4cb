"""work_order.rewatch"""

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


class Rewatch(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    policies_version: Annotated[int, Meta(ge=1)]


def reads(cmd: Rewatch) -> Iterable[tuple[type[Entity], str]]:
    return (clocks.POLICIES,)


@handles("work_order.rewatch", permission=None, internal=True, reads=reads)
def rewatch(cmd: Rewatch, work: Work) -> None:
    """Apply new policies to a watched order: to its reminders; its SLA keeps its terms."""
    order = work.load(WorkOrder)
    if order.watch is not None and order.watch.policies_version < cmd.policies_version:
        clocks.check_due(work, order)
