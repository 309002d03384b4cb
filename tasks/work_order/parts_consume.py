"""work_order.parts.consume"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from domain.assets.part import Part
from domain.errors import Missing
from domain.fields import Quantity, decimal
from domain.ids import Id
from domain.work_order.books import money
from domain.work_order.ledger import PartUse
from domain.work_order.model import WorkOrder
from tasks.command import Payload, handles
from tasks.flows.work_order import book, load_own
from tasks.work import Work


class Consume(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    part_id: Id
    quantity: Quantity


def reads(cmd: Consume) -> Iterable[tuple[type[Part], str]]:
    return [(Part, cmd.part_id)]


@handles("work_order.parts.consume", permission="workorders.execute", reads=reads)
def consume(cmd: Consume, work: Work) -> None:
    """Book parts used on an order, at the part's price, and issue them from stock."""
    order = load_own(work)
    part = work.peek(Part, cmd.part_id)
    if part is None:
        raise Missing("part", cmd.part_id, path="part_id")
    entry = _use(order, part, cmd, work)
    book(work, order, entry, "work_order.parts_consumed", part_id=part.id, quantity=f"{entry.quantity:f}")
    parts = {"part_id": part.id, "quantity": f"{entry.quantity:f}"}
    work.follow_up("part.issue", parts | {"work_order_id": order.id, "entry_id": entry.id}, step="issue")


def _use(order: WorkOrder, part: Part, cmd: Consume, work: Work) -> PartUse:
    """The ledger row. A price in another currency is left out, with a warning: the parts are used anyway."""
    quantity = decimal(cmd.quantity)
    use = PartUse(
        id=work.new_id(),
        at=work.occurred_at,
        by=work.actor.user_id,
        part_id=part.id,
        quantity=quantity,
    )
    if part.unit_cost is None or part.currency is None:
        return use
    if order.currency not in (None, part.currency):
        work.warn(
            "currency_mismatch",
            f"{part.name} is priced in {part.currency}, {order.number} counts in {order.currency}: not added",
            part_id=part.id,
        )
        return use
    return replace(use, cost=money(quantity * part.unit_cost), currency=part.currency)
