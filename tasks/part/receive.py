"""part.receive"""

from __future__ import annotations

from domain.assets.part import Part, priced
from domain.fields import Amount, Currency, Quantity, decimal
from domain.ids import Id
from tasks.command import Payload, handles
from tasks.flows import stock
from tasks.work import Work


class Receive(Payload, frozen=True, kw_only=True):
    part_id: Id
    quantity: Quantity
    unit_cost: Amount | None = None
    currency: Currency | None = None


@handles("part.receive", permission="inventory.manage")
def receive(cmd: Receive, work: Work) -> None:
    """Take parts into stock; a price becomes the part's unit cost."""
    part = work.load(Part)
    unit_cost = None if cmd.unit_cost is None else decimal(cmd.unit_cost)
    if unit_cost is not None:
        part = priced(part, unit_cost=unit_cost, currency=cmd.currency)
    stock.move(work, part, "received", decimal(cmd.quantity), unit_cost=unit_cost)
