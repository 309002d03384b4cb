"""work_order.cost.add"""

from __future__ import annotations

from domain.fields import Currency, Note, SignedAmount, decimal
from domain.ids import Id
from domain.work_order.ledger import Cost, CostKind
from domain.work_order.model import WorkOrder
from tasks.command import Payload, handles
from tasks.flows.work_order import book
from tasks.work import Work


class AddCost(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    kind: CostKind
    amount: SignedAmount
    currency: Currency
    note: Note | None = None


@handles("work_order.cost.add", permission="workorders.close")
def add_cost(cmd: AddCost, work: Work) -> None:
    """Book a cost, or a credit (negative); the first cost sets the order's currency."""
    entry = Cost(
        id=work.new_id(),
        at=work.occurred_at,
        by=work.actor.user_id,
        category=cmd.kind,
        amount=decimal(cmd.amount),
        currency=cmd.currency,
        note=cmd.note,
    )
    data = {"category": cmd.kind, "amount": cmd.amount, "currency": cmd.currency}
    book(work, work.load(WorkOrder), entry, "work_order.cost_added", **data)
