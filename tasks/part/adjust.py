"""part.adjust"""

from __future__ import annotations

from domain.assets.part import Part
from domain.fields import Reason, SignedQuantity, decimal
from domain.ids import Id
from tasks.command import Payload, handles
from tasks.flows import stock
from tasks.work import Work


class Adjust(Payload, frozen=True, kw_only=True):
    part_id: Id
    quantity: SignedQuantity
    reason: Reason


@handles("part.adjust", permission="inventory.manage")
def adjust(cmd: Adjust, work: Work) -> None:
    """Correct the stock by a difference, after a count or a loss."""
    stock.move(work, work.load(Part), "adjusted", decimal(cmd.quantity), reason=cmd.reason)
