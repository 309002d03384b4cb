"""Spare parts and their stock. Stock is never set: it is the sum of the movements in the ledger."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Literal

import msgspec

from domain.entity import Entity, Entry
from domain.errors import Rejected

Movement = Literal["received", "adjusted", "issued", "restocked"]


class Part(Entity, frozen=True, kw_only=True):
    """One kind of part, counted in `unit`.

    `unit_cost` is the last price paid. A moving average would be wrong as soon as stock is below zero or a
    receipt comes late, and an order keeps the price of the day it consumed anyway. `stock` may be below zero:
    the part is in the machine, whatever the books say.
    """

    kind: ClassVar[str] = "part"
    collection: ClassVar[str] = "parts"

    name: str
    number: str | None = None
    unit: str
    unit_cost: Decimal | None = None
    currency: str | None = None
    stock: Decimal = Decimal(0)
    created_at: datetime


class StockMovement(Entry, frozen=True, kw_only=True, tag="stock_movement"):
    """Parts that came (above zero) or went. `order_entry_id` is the work order's own row of the same event.

    The quantities of a part's movements add up to its stock, always.
    """

    movement: Movement
    quantity: Decimal
    unit_cost: Decimal | None = None
    reason: str | None = None
    work_order_id: str | None = None
    order_entry_id: str | None = None


def moved(part: Part, movement: StockMovement) -> Part:
    """The part after the movement.

    Raises: Rejected: quantity_zero.
    """
    if not movement.quantity:
        raise Rejected("quantity_zero", "a movement of nothing is none", path="quantity")
    return msgspec.structs.replace(part, stock=part.stock + movement.quantity)


def priced(part: Part, *, unit_cost: Decimal, currency: str | None) -> Part:
    """The part at a new price; the currency is the part's own unless it has none yet.

    Raises: Rejected: currency_missing, currency_mismatch.
    """
    named = currency or part.currency
    if named is None:
        raise Rejected("currency_missing", f"part {part.id} has no currency: name one", path="currency")
    if part.currency not in (None, named):
        raise Rejected("currency_mismatch", f"part {part.id} is priced in {part.currency}", path="currency")
    return msgspec.structs.replace(part, unit_cost=unit_cost, currency=named)
