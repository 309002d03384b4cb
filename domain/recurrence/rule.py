"""A recurrence rule of RFC 5545, read: with all that it takes from its start written out."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import Meta

from domain.errors import Rejected
from domain.time.local_time import to_local

RuleText = Annotated[
    str,
    Meta(
        min_length=10,
        max_length=512,
        pattern=r"^[A-Za-z0-9=;,+-]+$(?!\n)",
        description="RFC 5545 without DTSTART: FREQ=MONTHLY;BYDAY=1MO",
    ),
]

Parts = dict[str, str]

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_KNOWN = {
    "FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYSETPOS", "BYMONTH", "BYMONTHDAY", "BYYEARDAY",
    "BYWEEKNO", "BYDAY", "BYHOUR", "BYMINUTE", "BYSECOND",
}  # fmt: skip
_DAYS = frozenset({"BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYDAY"})
_UNTIL = re.compile(r"(\d{8})(T\d{6}Z?)?")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Empty means any. `days`: the weekday (0 is Monday) and which one of its month or year, 0 for each."""

    freq: str
    interval: int
    count: int | None
    until: datetime | None
    """The last local time."""
    week_start: int
    positions: tuple[int, ...]
    months: tuple[int, ...]
    month_days: tuple[int, ...]
    year_days: tuple[int, ...]
    weeks: tuple[int, ...]
    days: tuple[tuple[int, int], ...]
    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    second: int


def parts_of(rule: str) -> Parts:
    """The rule's parts by upper-case name. Raises: Rejected: invalid_rule."""
    parts: Parts = {}
    for part in rule.upper().removeprefix("RRULE:").strip(";").split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value or name not in _KNOWN or name in parts:
            raise Rejected(
                "invalid_rule", f"{part[:40]!r} is no part of a rule, or is there twice", path="rrule"
            )
        parts[name] = value
    return parts


# Plans by the thousand have the same few rules and times of day.
@lru_cache(maxsize=1_000)
def read_rule(text: str, start: datetime, time_zone: str) -> Rule:
    """A rule that `checks.py` has accepted. Raises: ValueError, KeyError: one that it has not."""
    parts = parts_of(text)
    whole = _from_start(parts, start) | parts
    return Rule(
        freq=whole["FREQ"],
        interval=int(whole.get("INTERVAL", "1")),
        count=int(whole["COUNT"]) if "COUNT" in whole else None,
        until=until_local(whole["UNTIL"], time_zone) if "UNTIL" in whole else None,
        week_start=WEEKDAYS.index(whole.get("WKST", "MO")),
        positions=_numbers(whole, "BYSETPOS"),
        months=_numbers(whole, "BYMONTH"),
        month_days=_numbers(whole, "BYMONTHDAY"),
        year_days=_numbers(whole, "BYYEARDAY"),
        weeks=_numbers(whole, "BYWEEKNO"),
        days=tuple(_day(text) for text in whole["BYDAY"].split(",")) if "BYDAY" in whole else (),
        hours=_numbers(whole, "BYHOUR"),
        minutes=_numbers(whole, "BYMINUTE"),
        second=start.second,
    )


def until_local(until: str, time_zone: str) -> datetime:
    """UNTIL as a local time: in UTC it is an instant, a bare day lasts to its end. Raises: ValueError."""
    shape = _UNTIL.fullmatch(until)
    if shape is None:
        raise ValueError(f"UNTIL cannot be {until[:20]}")
    if until.endswith("Z"):
        return to_local(datetime.strptime(f"{until}+0000", "%Y%m%dT%H%M%SZ%z"), time_zone)
    return datetime.strptime(until if shape[2] else f"{until}T235959", "%Y%m%dT%H%M%S")  # noqa: DTZ007


def _from_start(parts: Parts, start: datetime) -> Parts:
    """What a rule takes from its start where it says nothing itself (3.3.10)."""
    freq = parts["FREQ"]
    taken = {} if freq == "MINUTELY" else {"BYMINUTE": f"{start.minute}"}
    if freq not in ("MINUTELY", "HOURLY"):
        taken["BYHOUR"] = f"{start.hour}"
    named = _DAYS & parts.keys()
    if (freq == "WEEKLY" and not named) or (freq == "YEARLY" and named == {"BYWEEKNO"}):
        taken["BYDAY"] = WEEKDAYS[start.weekday()]
    elif freq in ("MONTHLY", "YEARLY") and not named:
        taken["BYMONTHDAY"] = f"{start.day}"
        if freq == "YEARLY":
            taken["BYMONTH"] = f"{start.month}"
    return taken


def _numbers(parts: Parts, name: str) -> tuple[int, ...]:
    return tuple(sorted({int(text) for text in parts[name].split(",")})) if name in parts else ()


def _day(text: str) -> tuple[int, int]:
    """`-1FR` is (4, -1), `FR` and `+FR` are (4, 0)."""
    return WEEKDAYS.index(text[-2:]), int(text[:-2]) if text[:-2].strip("+") else 0
