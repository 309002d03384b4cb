"""part.restock: returns parts to stock that a work order returned or whose consumption was voided."""

from __future__ import annotations

from domain.assets.part import Part
from domain.fields import Quantity, decimal
from domain.ids import Id
from tasks.command import Payload, handles
from tasks.flows import stock
from tasks.work import Work


class Restock(Payload, frozen=True, kw_only=True):
    part_id: Id
    quantity: Quantity
    work_order_id: Id
    entry_id: Id


@handles("part.restock", permission=None, internal=True)
def restock(cmd: Restock, work: Work) -> None:
    """Put parts of a work order back into stock."""
    stock.move(
        work,
        work.load(Part),
        "restocked",
        decimal(cmd.quantity),
        work_order_id=cmd.work_order_id,
        order_entry_id=cmd.entry_id,
    )
