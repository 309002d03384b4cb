"""The mapping of a file's columns to fields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from domain.fields import Currency

Field = Literal[
    "title",
    "description",
    "asset",
    "type",
    "priority",
    "created_at",
    "completed_at",
    "due_at",
    "cost",
    "status",
]
FIELDS: tuple[Field, ...] = get_args(Field)
NEEDED: tuple[Field, ...] = ("title", "created_at")

EndStatus = Literal["requested", "in_progress", "completed", "closed", "cancelled"]
"""What an imported order's history ends in."""

Column = Annotated[str, Meta(min_length=1, max_length=200)]
ImportName = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)", description="letters, digits, dot, dash")
]
"""Part of every row's idempotency key, so that the same name means the same rows."""


class Mapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which column holds which field, and how its values translate.

    `values` translates a field's cells (`PM01` -> `corrective`); `key_column` identifies a row;
    `date_format` is strptime's, ISO 8601 if absent. `status` counts where no column is mapped to it.
    """

    columns: dict[Field, Column]
    values: dict[Field, dict[str, str]] = {}
    currency: Currency | None = None
    status: EndStatus = "requested"
    key_column: Column | None = None
    date_format: Annotated[str, Meta(min_length=2, max_length=64)] | None = None

    def __post_init__(self) -> None:
        if missing := [field for field in NEEDED if field not in self.columns]:
            raise ValueError(f"no column is mapped to {' and '.join(missing)}")
        if "cost" in self.columns and self.currency is None:
            raise ValueError("costs need a currency, such as AUD")
        if stray := sorted(self.values.keys() - self.columns.keys()):
            raise ValueError(f"values are given for {stray[0]}, which no column is mapped to")

    @property
    def required_columns(self) -> list[str]:
        """The columns that the file must have, each once."""
        key = [self.key_column] if self.key_column else []
        return list(dict.fromkeys([*self.columns.values(), *key]))


def from_options(maps: Iterable[str], values: Iterable[str], **rest: Any) -> Mapping:
    """From `title=OriginalShorttext` and `type:PM01=corrective,PM02=preventive`. Raises: ValueError."""
    columns: dict[str, str] = {}
    for option in maps:
        field, is_given, column = option.partition("=")
        if not is_given or field not in FIELDS:
            raise ValueError(f"a map is FIELD=COLUMN, with FIELD one of {', '.join(FIELDS)}; not {option!r}")
        columns[field] = column
    tables: dict[str, dict[str, str]] = {}
    for option in values:
        field, is_given, pairs = option.partition(":")
        if not is_given or field not in FIELDS:
            raise ValueError(f"values are FIELD:FROM=TO,FROM=TO; not {option!r}")
        tables.setdefault(field, {}).update(map(_pair, pairs.split(",")))
    options = {name: value for name, value in rest.items() if value is not None}
    try:
        return msgspec.convert({"columns": columns, "values": tables} | options, Mapping)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def _pair(text: str) -> tuple[str, str]:
    before, is_given, after = text.partition("=")
    if not is_given:
        raise ValueError(f"a translated value is FROM=TO; not {text!r}")
    return before.strip(), after.strip()
