"""Checklists: what is asked, and answers that fit what was asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from domain.errors import Rejected
from domain.fields import Note, Number, Title, Word
from domain.ids import Id

Kind = Literal["check", "text", "number", "pass_fail", "meter"]
Value = bool | int | float | str
Answer = bool | Number | Note


class NewItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One item as a payload asks for it."""

    item_id: Id | None = None
    text: Title
    kind: Kind
    required: bool = False
    unit: Word | None = None
    min: Number | None = None
    max: Number | None = None

    def __post_init__(self) -> None:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max")


NewItems = Annotated[tuple[NewItem, ...], Meta(max_length=200)]


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One item with its latest answer; `answered_at` is when it was given in the world."""

    item_id: str
    text: str
    kind: Kind
    required: bool = False
    unit: str | None = None
    min: int | float | None = None
    max: int | float | None = None
    value: Value | None = None
    answered_by: str | None = None
    answered_at: datetime | None = None
    evidence_sha256: str | None = None
    asset_id: str | None = None
    """The asset it is about, where one order goes round several."""

    @property
    def satisfied(self) -> bool:
        """A box that must be ticked is not satisfied by its opposite; a failed inspection is an answer."""
        if not self.required:
            return True
        return self.value is True if self.kind == "check" else self.value not in (None, "")


def new_checklist(items: Sequence[NewItem], *, new_id: Callable[[], str]) -> tuple[Item, ...]:
    """The checklist of a new order. Raises: Rejected: duplicate_item."""
    made = tuple(
        Item(
            item_id=item.item_id or new_id(),
            text=item.text,
            kind=item.kind,
            required=item.required,
            unit=item.unit,
            min=item.min,
            max=item.max,
        )
        for item in items
    )
    if len({item.item_id for item in made}) < len(made):
        raise Rejected("duplicate_item", "two items of the checklist have the same item_id", path="checklist")
    return made


def with_answer(
    items: tuple[Item, ...],
    item_id: str,
    value: Value,
    *,
    by: str | None,
    at: datetime,
    evidence_sha256: str | None = None,
) -> tuple[Item, ...]:
    """The checklist with that answer; the very same tuple when it has been given already.

    Raises: Rejected: unknown_item, checklist_value_invalid.
    """
    item = next((item for item in items if item.item_id == item_id), None)
    if item is None:
        raise Rejected("unknown_item", f"the checklist has no item {item_id}", path="item_id")
    value = checked_value(item, value)
    if item.value == value and evidence_sha256 in (None, item.evidence_sha256):
        return items
    done = msgspec.structs.replace(
        item, value=value, answered_by=by, answered_at=at, evidence_sha256=evidence_sha256
    )
    return tuple(done if other is item else other for other in items)


def checked_value(item: Item, value: Value) -> Value:
    """The value as its kind stores it; numbers may come as text. Raises: checklist_value_invalid."""
    match item.kind, value:
        case "check", bool():
            return value
        case "text", str():
            return value
        case "pass_fail", "pass" | "fail":
            return value
        case "number" | "meter", str() | int() | float() if not isinstance(value, bool):
            return _within(item, _number(item, value))
    raise _unfit(item, f"is not an answer of kind {item.kind}")


def unanswered(items: Sequence[Item]) -> list[Item]:
    """Required items that still want an answer."""
    return [item for item in items if not item.satisfied]


def _number(item: Item, value: str | int | float) -> int | float:
    if not isinstance(value, str):
        return value
    try:
        number = msgspec.json.decode(value.strip(), type=Number, strict=True)
    except msgspec.MsgspecError:
        raise _unfit(item, "is not a number") from None
    assert isinstance(number, int | float)
    return number


def _within(item: Item, number: int | float) -> int | float:
    low = 0 if item.kind == "meter" and item.min is None else item.min
    if low is not None and number < low:
        raise _unfit(item, f"is below {low}", min=low)
    if item.max is not None and number > item.max:
        raise _unfit(item, f"is above {item.max}", max=item.max)
    return number


def _unfit(item: Item, why: str, **params: int | float) -> Rejected:
    return Rejected("checklist_value_invalid", f"{item.text}: the value {why}", path="value", **params)
