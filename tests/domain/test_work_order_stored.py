"""An order and its rows survive the way to the store and back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any

import msgspec
import pytest

from domain.kinds import ENTITIES, LEDGER
from domain.work_order.checklist import Item
from domain.work_order.ledger import LINES, Comment, Labor, Line, PartUse, voided
from domain.work_order.model import ApprovalStep, Move, PartLine, WorkOrder

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
STORED_AS_THEY_ARE = (datetime, Decimal)

ORDER = WorkOrder(
    id="o",
    number="WO-000001",
    title="Leak",
    status="on_hold",
    type="safety",
    priority="low",
    created_at=AT,
    checklist=(
        Item(item_id="1", text="Pressure", kind="number", min=1, max=2.5, value=2, answered_at=AT),
        Item(item_id="2", text="Off", kind="check", value=True),
        Item(item_id="3", text="Said", kind="text", value="2"),
    ),
    parts=(PartLine(part_id="p", used=Decimal("1.50"), cost=Decimal("0.0001")),),
    approvals=(ApprovalStep(role="manager", verdict="approve", by="bob", at=AT),),
    moved=Move(action="hold", by=None, at=AT),
    cost_total=Decimal("123456789012345.6789"),
)
LABOR = Labor(id="l", at=AT, by="ann", minutes=5, worked_on=date(2026, 3, 2), category="travel")


def test_an_order_comes_back_as_it_went_with_what_the_store_adds() -> None:
    document = msgspec.to_builtins(ORDER, builtin_types=STORED_AS_THEY_ARE) | {"_id": "t/o", "tenant_id": "t"}

    assert msgspec.convert(document, ENTITIES["work_order"]) == ORDER


@pytest.mark.parametrize(
    "row",
    [
        LABOR,
        voided(LABOR, by="bob", at=AT, reason="twice"),
        PartUse(id="p", at=AT, by=None, part_id="x", quantity=Decimal("-1.5"), cost=Decimal("-3.75")),
        Comment(id="c", at=AT, by="ann", text="hi", mentions=("bob",)),
    ],
)
def test_a_row_comes_back_as_the_kind_it_is(row: Line) -> None:
    any_row: Any = reduce(or_, LEDGER)
    document = msgspec.to_builtins(row, builtin_types=STORED_AS_THEY_ARE) | {"target": "work_order:o"}

    assert msgspec.convert(document, any_row) == row


def test_every_row_of_a_work_order_is_known_to_the_store() -> None:
    assert set(LINES) <= set(LEDGER)
