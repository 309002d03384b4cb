"""Field types that payloads share: they bound every text, number and time that enters.

Decimals and times stay text in a payload, because only text can be bounded by a pattern (so that the API
names the field at fault) and stored as sent. Handlers convert them with `decimal`, `instant` and `day`.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

# Each pattern is linear and anchored at both ends; `(?!\n)` because Python's `$` also stops before a newline.
_END = r"$(?!\n)"
_LINE = r"^(?=\s*\S)[^\x00-\x1f\x7f]*" + _END
_FILLED = r"^(?=\s*\S)[^\x00]*" + _END
_FREE = r"^[^\x00]*" + _END

# The error for a value that breaks a pattern quotes the description, so the description states the rule.
Title = Annotated[str, Meta(min_length=1, max_length=200, pattern=_LINE, description="one line, not blank")]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=_LINE, description="one line, not blank")]
Word = Annotated[str, Meta(min_length=1, max_length=64, pattern=_LINE, description="one line, not blank")]
_NO_NUL = "without NUL characters"
Reason = Annotated[
    str, Meta(min_length=1, max_length=500, pattern=_FILLED, description=f"not blank, {_NO_NUL}")
]
Note = Annotated[str, Meta(max_length=2_000, pattern=_FREE, description=_NO_NUL)]
Text = Annotated[
    str, Meta(min_length=1, max_length=10_000, pattern=_FILLED, description=f"not blank, {_NO_NUL}")
]
Description = Annotated[str, Meta(max_length=20_000, pattern=_FREE, description=_NO_NUL)]

Sha256 = Annotated[
    str, Meta(pattern=r"^[0-9a-f]{64}" + _END, description="lower-case hex SHA-256", extra={"blob": True})
]
"""The hash that names a blob. A command whose payload has one keeps that blob
(`tasks.command.Spec.blobs`)."""

MediaType = Annotated[
    str,
    Meta(
        max_length=127,
        pattern=r"^[a-z0-9.+-]{1,63}/[a-z0-9.+-]{1,63}" + _END,
        description="a media type in lower case, such as image/jpeg",
    ),
]
FileSize = Annotated[int, Meta(ge=0, le=5_000_000_000, description="bytes")]
Minutes = Annotated[int, Meta(ge=1, le=1_440)]

Secret = Annotated[
    str,
    Meta(
        min_length=24,
        max_length=200,
        pattern=r"^[!-~]+" + _END,
        description="visible ASCII; is never shown again",
        extra={"secret": True},
        extra_json_schema={"writeOnly": True, "format": "password"},
    ),
]
"""Only for top-level payload fields: no read returns it, and it is removed from a command that has ended
(`tasks.command.Spec.secrets`)."""

Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}" + _END, description="ISO 4217, such as EUR")]
Amount = Annotated[
    str, Meta(pattern=r"^[0-9]{1,15}(\.[0-9]{1,4})?" + _END, description="money, decimal text, not negative")
]
SignedAmount = Annotated[
    str,
    Meta(
        pattern=r"^-?[0-9]{1,15}(\.[0-9]{1,4})?" + _END, description="money as text; a credit is below zero"
    ),
]
SignedDecimal = Annotated[
    str, Meta(pattern=r"^-?[0-9]{1,15}(\.[0-9]{1,6})?" + _END, description="decimal text")
]

_MOST = 1_000_000_000
# A larger float would round up to _MOST, which the store's checks refuse.
_MOST_FLOAT = 999_999_999.9999
_POSITIVE = r"^(?=[0.]*[1-9])[0-9]{1,9}(\.[0-9]{1,4})?" + _END
_SIGNED = r"^-?(?=[0.]*[1-9])[0-9]{1,9}(\.[0-9]{1,4})?" + _END

Quantity = (
    Annotated[int, Meta(gt=0, lt=_MOST)]
    | Annotated[float, Meta(ge=0.0001, le=_MOST_FLOAT)]
    | Annotated[str, Meta(pattern=_POSITIVE, description="decimal text, above zero")]
)
"""More than zero, a number or decimal text, at most 4 decimals (a longer number is rounded)."""

Level = (
    Annotated[int, Meta(ge=0, lt=_MOST)]
    | Annotated[float, Meta(ge=0, le=_MOST_FLOAT)]
    | Annotated[
        str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,4})?" + _END, description="decimal text, not negative")
    ]
)
"""Like Quantity, but it may be zero."""

SignedQuantity = (
    Annotated[int, Meta(gt=-_MOST, lt=_MOST)]
    | Annotated[float, Meta(ge=-_MOST_FLOAT, le=_MOST_FLOAT)]
    | Annotated[str, Meta(pattern=_SIGNED, description="decimal text, not zero")]
)
"""A number or decimal text; as a number it may be zero, which the handler must check."""

Number = Annotated[int, Meta(ge=-(10**15), le=10**15)] | Annotated[float, Meta(ge=-1e15, le=1e15)]
"""A measurement: never money."""

# Every month's length and the leap years of 1970 to 2199, so that a pattern alone refuses impossible days.
_LEAP = r"(19(7[26]|8[048]|9[26])|20([02468][048]|[13579][26])|21(0[48]|[2468][048]|[13579][26]))-02-29"
_PLAIN = (
    r"(19[7-9][0-9]|2[01][0-9]{2})-"
    r"((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
)
_DAY = rf"({_PLAIN}|{_LEAP})"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
_ZONE = r"(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])"

Day = Annotated[
    str,
    Meta(pattern=f"^{_DAY}{_END}", description="a day of 1970 to 2199", extra_json_schema={"format": "date"}),
]
Instant = Annotated[
    str,
    Meta(
        pattern=f"^{_DAY}T{_CLOCK}{_ZONE}{_END}",
        description="RFC 3339 with an offset, 1970 to 2199",
        extra_json_schema={"format": "date-time"},
    ),
]

LocalTime = Annotated[
    str,
    Meta(
        pattern=rf"^{_DAY}T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?{_END}",
        description="what the clock on the wall shows: 2026-03-29T08:00, its zone stands beside it",
    ),
]
OccurrenceName = Annotated[
    str,
    Meta(
        pattern=rf"^({_DAY}T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?|meter@[0-9.]{{1,40}}(#[0-9]{{1,9}})?){_END}",
        description="a LocalTime, or what a meter has reached: meter@1500",
    ),
]
TimeZone = Annotated[
    str,
    Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+/-]+" + _END, description="an IANA time zone"),
]
ClockTime = Annotated[
    str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)" + _END, description="HH:MM")
]
MonthDay = Annotated[
    str,
    Meta(
        pattern=r"^((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))"
        + _END,
        description="a day of any year: MM-DD",
    ),
]

_FOUR_PLACES = Decimal("0.0001")


def decimal(value: int | float | str) -> Decimal:
    """The exact value of an Amount, Quantity or SignedDecimal; a float as it prints, rounded to 4
    decimals."""
    if isinstance(value, float):
        return Decimal(repr(value)).quantize(_FOUR_PLACES).normalize() + Decimal(0)
    return Decimal(value)


def instant(value: str) -> datetime:
    """The instant in UTC, truncated to milliseconds (all that the store keeps)."""
    moment = datetime.fromisoformat(value).astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def day(value: str) -> date:
    """The date of a Day."""
    return date.fromisoformat(value)
