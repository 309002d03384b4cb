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
"""Beyond it another round of the same questions helps nobody: the occurrence is noted on the order alone."""


class MergeOccurrence(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    instead: Opening
    """The occurrence's own order, should this one be done by now."""


@handles("work_order.merge_occurrence", permission=None, internal=True)
def merge(cmd: MergeOccurrence, work: Work) -> None:
    """Add an occurrence's lines to the order that is still open for the one before."""
    order = work.load(WorkOrder)
    if order.status not in OPEN:
        _open_instead(cmd.instead, work)
        return
    room = max(MOST_ITEMS - len(order.checklist), 0)
    after = replace(order, checklist=order.checklist + _lines(cmd.instead, order, work)[:room])
    save_change(work, order, after, "work_order.occurrence_merged", occurrence=cmd.instead.occurrence)


def _lines(asked: Opening, order: WorkOrder, work: Work) -> tuple[Item, ...]:
    assets = tuple(id for id in asked.asset_ids if id in order.route) or (None,)
    return tuple(
        replace(item, asset_id=asset_id)
        for asset_id in assets
        for item in new_checklist(asked.checklist, new_id=work.new_id)
    )


def _open_instead(asked: Opening, work: Work) -> None:
    """The order was finished while this was under way: its plan did not know, and is told of the new one."""
    open_order(work, asked)
    known = {"plan_id": asked.plan_id, "work_order_id": asked.id}
    work.follow_up(
        "plan.order_reopened", known | {"lane": asked.lane, "occurrence": asked.occurrence}, step="plan"
    )
