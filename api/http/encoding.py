"""The JSON encoder of all responses; it knows the integer type of documents read from MongoDB."""

from __future__ import annotations

from typing import Any

import msgspec


def plain_value(value: Any) -> Any:
    """The JSON form of a value msgspec does not know. An integer beyond 32 bits is read as a subclass of
    int."""
    if isinstance(value, int):
        return int(value)
    raise NotImplementedError(f"{type(value).__qualname__} has no JSON form")


encode = msgspec.json.Encoder(enc_hook=plain_value).encode
