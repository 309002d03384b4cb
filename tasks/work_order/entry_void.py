"""work_order.entry.void"""

from __future__ import annotations

from domain.errors import Rejected
from domain.fields import Reason
from domain.ids import Id
from domain.work_order.books import without_entry
from domain.work_order.ledger import Line, PartUse, voided
from domain.work_order.model import WorkOrder
from tasks.command import Payload, handles
from tasks.flows.work_order import save_change
from tasks.work import Work


class VoidEntry(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    entry_id: Id
    reason: Reason


@handles("work_order.entry.void", permission="workorders.close")
def void_entry(cmd: VoidEntry, work: Work) -> None:
    """Void a ledger row: it stays visible, and its effect on the totals is reversed."""
    order = work.load(WorkOrder)
    entry = work.entry(cmd.entry_id)
    if not isinstance(entry, Line):
        raise Rejected("unknown_entry", f"{order.number} has no entry {cmd.entry_id}", path="entry_id")
    void = voided(entry, by=work.actor.user_id, at=work.occurred_at, reason=cmd.reason)
    after = without_entry(order, entry)
    work.record(void)
    save_change(work, order, after, "work_order.entry_voided", entry_id=entry.id, reason=cmd.reason)
    if isinstance(entry, PartUse):
        _reverse_stock(entry, order, work)


def _reverse_stock(entry: PartUse, order: WorkOrder, work: Work) -> None:
    work.follow_up(
        "part.restock" if entry.quantity > 0 else "part.issue",
        {
            "part_id": entry.part_id,
            "quantity": f"{abs(entry.quantity):f}",
            "work_order_id": order.id,
            "entry_id": entry.id,
        },
        step="stock",
    )
