"""How ledger rows change an order's totals. Voiding a row reverses its change."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal

from msgspec.structs import replace

from domain.errors import Rejected
from domain.work_order.ledger import Attachment, Comment, Cost, Labor, Line, PartUse, Signature
from domain.work_order.model import PartLine, WorkOrder
from domain.work_order.transitions import next_status

MOST_PARTS = 500
MOST_MONEY = Decimal(10) ** 15
"""Below it, sums are exact to four decimals within Decimal's 28 digits."""


def with_entry(order: WorkOrder, entry: Line) -> WorkOrder:
    """The order with the row added to its totals. Raises: Rejected: locked_period, currency_mismatch,
    invalid_transition."""
    next_status(order.number, order.status, entry.action)
    return _count(order, entry, 1)


def without_entry(order: WorkOrder, entry: Line) -> WorkOrder:
    """The order with the row taken off its totals. Raises: Rejected: locked_period, already_returned."""
    next_status(order.number, order.status, entry.action)
    return _count(order, entry, -1)


def planned_parts(parts: Iterable[tuple[str, Decimal]]) -> tuple[PartLine, ...]:
    """The part lines of a new order: one for each part, quantities of repeated parts added up."""
    lines: dict[str, PartLine] = {}
    for part_id, quantity in parts:
        line = lines.get(part_id, PartLine(part_id=part_id))
        lines[part_id] = replace(line, planned=line.planned + quantity)
    return tuple(lines.values())


def part_line(order: WorkOrder, part_id: str) -> PartLine:
    """The order's line for that part; an empty line if it has none."""
    return next((line for line in order.parts if line.part_id == part_id), PartLine(part_id=part_id))


def cost_of_return(order: WorkOrder, part_id: str, quantity: Decimal) -> Decimal:
    """The cost of returning `quantity`: the average cost of the parts used, or all of it if none remain.

    Raises: Rejected: return_exceeds_consumed.
    """
    line = part_line(order, part_id)
    if quantity > line.used:
        raise Rejected(
            "return_exceeds_consumed",
            f"{order.number} has used {line.used.normalize():f} of this part, not {quantity.normalize():f}",
            path="quantity",
            used=str(line.used),
        )
    return line.cost if quantity == line.used else money(line.cost * quantity / line.used)


def money(amount: Decimal) -> Decimal:
    """The amount rounded to four decimals, half to even: finer than any currency, and exact in sums."""
    return amount.quantize(Decimal("0.0001"), context=Context(prec=34))


def _count(order: WorkOrder, entry: Line, sign: int) -> WorkOrder:
    match entry:
        case Labor():
            return replace(order, labor_minutes=order.labor_minutes + sign * entry.minutes)
        case PartUse():
            updated = _with_parts(order, entry.part_id, sign * entry.quantity, sign * entry.cost)
            return _with_cost(updated, sign * entry.cost, entry.currency)
        case Cost():
            return _with_cost(order, sign * entry.amount, entry.currency)
        case Comment():
            return replace(order, comment_count=order.comment_count + sign)
        case Attachment():
            return replace(order, attachment_count=order.attachment_count + sign)
        case Signature():
            return replace(order, signature_count=order.signature_count + sign)
    raise TypeError(f"{type(entry).__name__} is not a row of a work order's ledger")


def _with_parts(order: WorkOrder, part_id: str, quantity: Decimal, cost: Decimal) -> WorkOrder:
    line = part_line(order, part_id)
    used = line.used + quantity
    if used < 0:
        raise Rejected("already_returned", "these parts were already returned", path="entry_id")
    after = replace(line, used=used, cost=line.cost + cost)
    if line in order.parts:
        return replace(order, parts=tuple(after if other is line else other for other in order.parts))
    if len(order.parts) >= MOST_PARTS:
        raise Rejected("too_many_parts", f"an order has at most {MOST_PARTS} different parts", path="part_id")
    return replace(order, parts=(*order.parts, after))


def _with_cost(order: WorkOrder, amount: Decimal, currency: str | None) -> WorkOrder:
    if currency is None:
        return order
    if order.currency not in (None, currency):
        raise Rejected(
            "currency_mismatch",
            f"{order.number} counts in {order.currency}, not {currency}",
            path="currency",
            currency=order.currency,
        )
    total = order.cost_total + amount
    if abs(total) >= MOST_MONEY:
        raise Rejected(
            "amount_too_large", f"the cost of {order.number} would reach {total:.3g}", path="amount"
        )
    return replace(order, cost_total=total, currency=currency)
