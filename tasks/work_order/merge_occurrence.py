"""work_order.merge_occurrence"""

from __future__ import annotations

from msgspec.structs import replace

from domain.ids import Id
from domain.work_order.checklist import Item, new_checklist
from domain.work_order.model import WorkOrder
from domain.work_order.transitions import OPEN
from tasks.command import Payload, handles
from tasks.flows.occurrence import Opening, open_order
from tasks.flows.work_order import save_change
from tasks.work import Work

MOST_ITEMS = 400
"""Most checklist items after a merge: beyond it an occurrence adds no more."""


class MergeOccurrence(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    instead: Opening
    """The order to open for the occurrence, if this one is no longer open."""


@handles("work_order.merge_occurrence", permission=None, internal=True)
def merge(cmd: MergeOccurrence, work: Work) -> None:
    """Add an occurrence's checklist to the order that is still open for the one before."""
    order = work.load(WorkOrder)
    if order.status not in OPEN:
        _open_instead(cmd.instead, work)
        return
    room = max(MOST_ITEMS - len(order.checklist), 0)
    after = replace(order, checklist=order.checklist + _items(cmd.instead, order, work)[:room])
    save_change(work, order, after, "work_order.occurrence_merged", occurrence=cmd.instead.occurrence)


def _items(opening: Opening, order: WorkOrder, work: Work) -> tuple[Item, ...]:
    assets = tuple(id for id in opening.asset_ids if id in order.route) or (None,)
    return tuple(
        replace(item, asset_id=asset_id)
        for asset_id in assets
        for item in new_checklist(opening.checklist, new_id=work.new_id)
    )


def _open_instead(opening: Opening, work: Work) -> None:
    """Open a new order, because the old one ended meanwhile, and notify the plan, which expected the old
    one."""
    open_order(work, opening)
    order = {"plan_id": opening.plan_id, "work_order_id": opening.id}
    work.follow_up(
        "plan.order_reopened", order | {"lane": opening.lane, "occurrence": opening.occurrence}, step="plan"
    )
