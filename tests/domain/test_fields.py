"""What the shared field types let in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain import fields
from domain.ids import Id


def fits(kind: Any, value: object) -> bool:
    try:
        msgspec.json.decode(msgspec.json.encode(value), type=kind)
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (fields.Title, ["Öl läuft aus", "x" * 200], ["", "  ", "a\n", "a\nb", "a\0b", "x" * 201, 5]),
        (fields.Text, ["two\nlines"], ["\n ", "a\0", "x" * 10_001]),
        (
            fields.Quantity,
            [1, 0.5, "2.25", 999_999_999.9999],
            [999_999_999.99999, 0, -1, "0", "0.00", "-1", "NaN", "1e3", 1e300, True, "1\n", 10**30],
        ),
        (fields.SignedQuantity, [-1, "-2.5", 3], [-999_999_999.99999, "0", "-0.0", "--1", "NaN"]),
        (fields.Amount, ["0", "12.3456", "9" * 15], ["-1", "1.23456", "9" * 16, "NaN", "Infinity", "1 ", 1]),
        (fields.SignedAmount, ["-1.5", "0"], ["--1", "-", "+1", "NaN", "-Infinity", 1]),
        (fields.Currency, ["EUR"], ["eur", "EURO", "EUR\n"]),
        (fields.Minutes, [1, 1440], [0, 1441, 1.5]),
        (fields.Sha256, ["a" * 64], ["A" * 64, "a" * 63, "a" * 64 + "\n"]),
        (Id, ["018f0000-0000-7000-8000-000000000001"], ["018f0000-0000-7000-8000-000000000001\n"]),
        (
            fields.Instant,
            ["2026-01-02T03:04:05Z", "2028-02-29T00:00:00.123456789+02:00"],
            [
                "2026-02-29T00:00:00Z",
                "2026-01-02T03:04:05",
                "0001-01-01T00:00:00+14:00",
                "2026-13-01T00:00:00Z",
            ],
        ),
    ],
)
def test_a_field_takes_what_fits_and_nothing_else(kind: Any, good: list[object], bad: list[object]) -> None:
    assert [value for value in good if not fits(kind, value)] == []
    assert [value for value in bad if fits(kind, value)] == []


def test_a_day_is_a_real_day_of_1970_to_2199() -> None:
    real = {(date(1970, 1, 1) + timedelta(days=n)).isoformat() for n in range(84_006)}
    assert "2199-12-31" in real

    wild = (f"{y}-{m:02}-{d:02}" for y in range(1965, 2205) for m in range(14) for d in range(33))

    assert {text for text in wild if fits(fields.Day, text)} == real


def test_values_are_exact_and_times_are_utc_milliseconds() -> None:
    assert fields.decimal("2.50") == Decimal("2.50")
    assert str(fields.decimal(0.1)) == "0.1"
    assert f"{fields.decimal(1000.0):f}" == "1000"
    assert fields.instant("2028-02-29T00:00:00.123456+02:00") == datetime(2028, 2, 28, 22, 0, 0, 123_000, UTC)
