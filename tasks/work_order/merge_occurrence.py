"""work_order.merge_occurrence"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from domain.checklist import NewItems, written
from domain.fields import LocalTime
from domain.ids import Id
from domain.work_order.model import WorkOrder
from domain.work_order.transitions import OPEN
from tasks.command import Payload, handles
from tasks.orders import settle
from tasks.work import Work

MOST_ITEMS = 400
"""Beyond it another round of the same questions helps nobody: the occurrence is noted on the order alone."""


class MergeOccurrence(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    plan_id: Id
    occurrence: LocalTime
    asset_ids: Annotated[tuple[Id, ...], Meta(max_length=200)] = ()
    checklist: NewItems = ()


@handles("work_order.merge_occurrence", permission=None, internal=True)
def merge(cmd: MergeOccurrence, work: Work) -> None:
    """Add an occurrence's lines to the order that is still open for the one before."""
    order = work.load(WorkOrder)
    if order.status not in OPEN:
        work.warn("merged_too_late", f"{order.number} is {order.status}", occurrence=cmd.occurrence)
        return
    assets = order.route and tuple(id for id in cmd.asset_ids if id in order.route)
    added = tuple(
        replace(item, asset_id=asset_id)
        for asset_id in assets or (None,)
        for item in written(cmd.checklist, new_id=work.new_id)
    )
    room = max(MOST_ITEMS - len(order.checklist), 0)
    after = replace(order, checklist=order.checklist + added[:room])
    settle(work, order, after, "work_order.occurrence_merged", occurrence=cmd.occurrence)
