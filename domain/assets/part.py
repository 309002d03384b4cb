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

    `unit_cost` is the last price paid. A moving average would be wrong once stock is negative or a receipt is
    late; an order keeps the price of the day it consumed. `stock` may be negative: parts may be used before
    they are booked.
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
    """Parts added (positive) or removed. `order_entry_id` is the row of the same event in the work order's
    ledger.

    A part's stock is always the sum of its movements.
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
    """The part with a new price; `currency` is only used if the part has none yet.

    Raises: Rejected: currency_missing, currency_mismatch.
    """
    named = currency or part.currency
    if named is None:
        raise Rejected("currency_missing", f"part {part.id} has no currency: name one", path="currency")
    if part.currency not in (None, named):
        raise Rejected("currency_mismatch", f"part {part.id} is priced in {part.currency}", path="currency")
    return msgspec.structs.replace(part, unit_cost=unit_cost, currency=named)
