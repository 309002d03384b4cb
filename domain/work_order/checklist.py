"""Checklists: items, and answers of the kind that their item asks for."""

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
    """One checklist item of a payload."""

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
    """One item with its latest answer; `answered_at` is the effective time of the answer."""

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
    """The asset the item is about, if the order is a round of several assets."""

    @property
    def satisfied(self) -> bool:
        """Whether the item does not block completion: a required check must be ticked; any other kind
        answered."""
        if not self.required:
            return True
        return self.value is True if self.kind == "check" else self.value not in (None, "")


def new_checklist(items: Sequence[NewItem], *, new_id: Callable[[], str]) -> tuple[Item, ...]:
    """The checklist of a new order. Raises: Rejected: duplicate_item."""
    created = tuple(
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
    if len({item.item_id for item in created}) < len(created):
        raise Rejected("duplicate_item", "two items of the checklist have the same item_id", path="checklist")
    return created


def with_answer(
    items: tuple[Item, ...],
    item_id: str,
    value: Value,
    *,
    by: str | None,
    at: datetime,
    evidence_sha256: str | None = None,
) -> tuple[Item, ...]:
    """The checklist with that answer; the same tuple if the item already has it.

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
    """The value as the item's kind stores it; numbers may be sent as text.

    A number outside `min` to `max` is stored like any other: those say what is allowed, and what was
    measured is a fact.

    Raises: Rejected: checklist_value_invalid.
    """
    match item.kind, value:
        case "check", bool():
            return value
        case "text", str():
            return value
        case "pass_fail", "pass" | "fail":
            return value
        case "number" | "meter", str() | int() | float() if not isinstance(value, bool):
            number = _number(item, value)
            if item.kind == "meter" and number < 0:
                raise _invalid(item, "is below 0", min=0)
            return number
    raise _invalid(item, f"is not an answer of kind {item.kind}")


def unanswered(items: Sequence[Item]) -> list[Item]:
    """Required items that are not satisfied yet."""
    return [item for item in items if not item.satisfied]


def _number(item: Item, value: str | int | float) -> int | float:
    if not isinstance(value, str):
        return value
    try:
        number = msgspec.json.decode(value.strip(), type=Number, strict=True)
    except msgspec.MsgspecError:
        raise _invalid(item, "is not a number") from None
    assert isinstance(number, int | float)
    return number


def _invalid(item: Item, why: str, **params: int | float) -> Rejected:
    return Rejected("checklist_value_invalid", f"{item.text}: the value {why}", path="value", **params)
