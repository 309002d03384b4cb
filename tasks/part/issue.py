"""part.issue: takes parts that a work order consumed out of stock."""

from __future__ import annotations

from domain.assets.part import Part
from domain.fields import Quantity, decimal
from domain.ids import Id
from tasks.command import Payload, handles
from tasks.flows import stock
from tasks.work import Work


class Issue(Payload, frozen=True, kw_only=True):
    part_id: Id
    quantity: Quantity
    work_order_id: Id
    entry_id: Id


@handles("part.issue", permission=None, internal=True)
def issue(cmd: Issue, work: Work) -> None:
    """Take parts out of stock for a work order, below zero if need be: they are already used."""
    stock.move(
        work,
        work.load(Part),
        "issued",
        -decimal(cmd.quantity),
        work_order_id=cmd.work_order_id,
        order_entry_id=cmd.entry_id,
    )
