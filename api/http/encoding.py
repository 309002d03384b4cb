"""The one JSON encoder of everything that leaves: documents come from the store with its own number type."""

from __future__ import annotations

from typing import Any

import msgspec


def plain_value(value: Any) -> Any:
    """What JSON has no word for. A whole number beyond 32 bits comes from the store as a subclass of int."""
    if isinstance(value, int):
        return int(value)
    raise NotImplementedError(f"{type(value).__qualname__} has no JSON form")


encode = msgspec.json.Encoder(enc_hook=plain_value).encode
