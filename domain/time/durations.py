"""Durations as ISO 8601 text: weeks, days, hours, minutes, seconds. Months and years have no fixed
length: a plan names them as the unit of its interval."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache
from typing import Annotated

from msgspec import Meta

_WEEKS = r"P[0-9]{1,3}W"
_REST = r"P(?=[0-9T])([0-9]{1,4}D)?(T(?=[0-9])([0-9]{1,5}H)?([0-9]{1,6}M)?([0-9]{1,7}S)?)?"
_END = r"$(?!\n)"

Duration = Annotated[
    str,
    Meta(
        pattern=f"^({_WEEKS}|{_REST}){_END}",
        max_length=32,
        description="ISO 8601: P2W, P3D, PT8H30M",
        extra_json_schema={"format": "duration"},
    ),
]
SignedDuration = Annotated[
    str,
    Meta(
        pattern=f"^[+-]?({_WEEKS}|{_REST}){_END}",
        max_length=33,
        description="ISO 8601 with a sign: -PT2H is two hours before",
    ),
]

_PARTS = re.compile(r"([+-]?)P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


# The same few texts recur, and parsing one costs forty times as much as a cache hit.
@lru_cache(maxsize=1_000)
def duration(text: str) -> timedelta:
    """The length of a Duration or SignedDuration; a day is 24 hours. Raises: ValueError."""
    match = _PARTS.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration")
    sign, weeks, days, hours, minutes, seconds = match.groups(default="0")
    span = timedelta(
        weeks=int(weeks), days=int(days), hours=int(hours), minutes=int(minutes), seconds=int(seconds)
    )
    return -span if sign == "-" else span
