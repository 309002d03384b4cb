"""Answers fit what was asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from domain.errors import Rejected
from domain.work_order.checklist import (
    Item,
    Kind,
    NewItem,
    Value,
    checked_value,
    new_checklist,
    unanswered,
    with_answer,
)

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)


def item(kind: Kind = "number", **fields: object) -> Item:
    return Item(item_id="1", text="Pressure", kind=kind, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "value", "kept"),
    [
        (item("check"), True, True),
        (item("text"), "fine", "fine"),
        (item("pass_fail"), "fail", "fail"),
        (item("number", min=1, max=4), 2.5, 2.5),
        (item("number"), -3, -3),
        (item("number"), "2.50", 2.5),
        (item("number", min=1), 0.5, 0.5),
        (item("number", max=4), 5, 5),
        (item("meter", min=100), 99, 99),
    ],
)
def test_an_answer_of_its_kind_is_kept_inside_the_allowed_range_or_outside(
    asked: Item, value: Value, kept: Value
) -> None:
    assert checked_value(asked, value) == kept


@pytest.mark.parametrize(
    ("asked", "value"),
    [
        (item("check"), "yes"),
        (item("check"), 1),
        (item("text"), 1),
        (item("pass_fail"), "maybe"),
        (item("pass_fail"), True),
        (item("number"), True),
        (item("number"), "NaN"),
        (item("number"), "1e999"),
        (item("number"), "9" * 40),
        (item("number"), "true"),
        (item("number"), ""),
        (item("meter"), -1),
    ],
)
def test_an_answer_of_another_kind_is_refused(asked: Item, value: Value) -> None:
    with pytest.raises(Rejected) as refused:
        checked_value(asked, value)
    assert (refused.value.code, refused.value.path) == ("checklist_value_invalid", "value")


def test_the_same_answer_by_the_same_person_is_no_change() -> None:
    once = with_answer((item(),), "1", 4, by="ann", at=AT)

    assert with_answer(once, "1", 4, by="ann", at=AT + timedelta(hours=1)) is once
    assert (once[0].answered_by, once[0].answered_at) == ("ann", AT)


def test_the_same_answer_again_changes_nothing_whoever_gives_it() -> None:
    first = with_answer((item(),), "1", 4, by="ann", at=AT)

    assert with_answer(first, "1", 4, by="bob", at=AT + timedelta(minutes=1)) is first
    assert with_answer(first, "1", 5, by="bob", at=AT - timedelta(minutes=1))[0].value == 5


def test_an_unknown_item_and_a_doubled_one_are_refused() -> None:
    with pytest.raises(Rejected, match="no item"):
        with_answer((item(),), "2", 4, by="ann", at=AT)
    twice = NewItem(item_id="018f0000-0000-7000-8000-000000000001", text="Oil", kind="check")
    with pytest.raises(Rejected, match="same item_id"):
        new_checklist((twice, twice), new_id=str)


def test_a_failed_inspection_is_an_answer_and_an_unticked_box_is_not() -> None:
    items = (item("pass_fail", required=True, value="fail"), item("check", required=True, value=False))

    assert unanswered(items) == [items[1]]


def test_bounds_the_wrong_way_round_are_refused_at_the_door() -> None:
    with pytest.raises(msgspec.ValidationError, match="min is above max"):
        msgspec.json.decode(b'{"text": "Oil", "kind": "number", "min": 2, "max": 1}', type=NewItem)
