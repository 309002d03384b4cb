"""work_order.parts.return"""

from __future__ import annotations

from domain.fields import Quantity, decimal
from domain.ids import Id
from domain.work_order.books import cost_of_return
from domain.work_order.ledger import PartUse
from tasks.command import Payload, handles
from tasks.flows.work_order import book, load_own
from tasks.work import Work


class Return(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    part_id: Id
    quantity: Quantity


@handles("work_order.parts.return", permission="workorders.execute")
def return_parts(cmd: Return, work: Work) -> None:
    """Return parts to stock, at most as many as the order has used."""
    order = load_own(work)
    quantity = decimal(cmd.quantity)
    cost = cost_of_return(order, cmd.part_id, quantity)
    entry = PartUse(
        id=work.new_id(),
        at=work.occurred_at,
        by=work.actor.user_id,
        part_id=cmd.part_id,
        quantity=-quantity,
        cost=-cost,
        currency=order.currency if cost else None,
    )
    book(work, order, entry, "work_order.parts_returned", part_id=cmd.part_id, quantity=f"{quantity:f}")
    parts = {"part_id": cmd.part_id, "quantity": f"{quantity:f}"}
    work.follow_up("part.restock", parts | {"work_order_id": order.id, "entry_id": entry.id}, step="restock")
