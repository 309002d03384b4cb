"""How part commands move stock: one ledger row, the new stock, one event, a warning below zero."""

from __future__ import annotations

from decimal import Decimal

from domain.assets.part import Movement, Part, StockMovement, moved
from tasks.work import Work


def move(
    work: Work,
    part: Part,
    movement: Movement,
    quantity: Decimal,
    *,
    unit_cost: Decimal | None = None,
    reason: str | None = None,
    work_order_id: str | None = None,
    order_entry_id: str | None = None,
) -> None:
    """Move `quantity` (signed) and save the part. Raises: Rejected: quantity_zero."""
    row = StockMovement(
        id=work.new_id(),
        at=work.occurred_at,
        by=work.actor.user_id,
        movement=movement,
        quantity=quantity,
        unit_cost=unit_cost,
        reason=reason,
        work_order_id=work_order_id,
        order_entry_id=order_entry_id,
    )
    after = moved(part, row)
    work.save(after)
    work.record(row)
    optional = {"reason": reason, "work_order_id": work_order_id, "order_entry_id": order_entry_id}
    work.emit(
        f"part.{movement}",
        entry_id=row.id,
        quantity=f"{quantity:f}",
        stock=f"{after.stock:f}",
        **{name: value for name, value in optional.items() if value is not None},
    )
    if after.stock < 0 and quantity < 0:
        work.warn(
            "stock_negative",
            f"stock of {part.name} is {after.stock:f} {part.unit}",
            part_id=part.id,
            quantity=f"{after.stock:f}",
        )
