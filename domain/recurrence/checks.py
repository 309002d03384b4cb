"""Checks recurrence rules at acceptance, so that no plan fails on one years later."""

from __future__ import annotations

import re
from datetime import datetime

from dateutil.rrule import rrulestr

from domain.errors import Rejected
from domain.recurrence.rule import Parts, parts_of, text_of, until_local

FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY")
MOST_A_DAY = 24
_EACH_HOUR = ",".join(str(hour) for hour in range(24))
_WITHIN = {
    "BYSETPOS": 366, "BYMONTH": 12, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53,
    "BYHOUR": 23, "BYMINUTE": 59,
}  # fmt: skip
_FROM_ZERO = ("BYHOUR", "BYMINUTE")
_FROM_THE_END = ("BYSETPOS", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO")
_DAY_OF = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_DAYS = ("BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYDAY")
_GREGORIAN_CYCLE = 400
_LATE = 9_600


def check_rule(rule: str, start: datetime, time_zone: str) -> None:
    """Check a rule. Raises: Rejected: invalid_rule, rule_too_frequent, rule_exhausted (it never occurs)."""
    parts = parts_of(rule)
    if parts.get("FREQ") not in FREQUENCIES:
        raise Rejected("rule_too_frequent", f"FREQ is one of {', '.join(FREQUENCIES)}", path="rrule")
    if "COUNT" in parts and "UNTIL" in parts:
        raise Rejected("invalid_rule", "COUNT and UNTIL exclude each other", path="rrule")
    if "BYSECOND" in parts or len(_times_of_day(parts)) > MOST_A_DAY:
        raise Rejected("rule_too_frequent", f"at most {MOST_A_DAY} times a day, on the minute", path="rrule")
    for name, most in (("COUNT", 10_000), ("INTERVAL", 1_000)):
        value = parts.get(name, "1")
        if not re.fullmatch(r"[1-9][0-9]{0,4}", value) or int(value) > most:
            raise Rejected("invalid_rule", f"{name} is a whole number from 1 to {most}", path="rrule")
    if parts["FREQ"] == "HOURLY" and "BYSETPOS" in parts:
        raise Rejected("invalid_rule", "BYSETPOS has nothing to choose from in an hour", path="rrule")
    _check_numbers(parts)
    try:
        rrulestr(text_of(until_local(parts, time_zone)), dtstart=start)
        comes = _comes(parts, start)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise Rejected("invalid_rule", f"this is no rule of RFC 5545: {error}", path="rrule") from None
    if not comes:
        raise Rejected("rule_exhausted", "no day ever fits this rule", path="rrule")


def _check_numbers(parts: Parts) -> None:
    """Refuse numbers that python-dateutil accepts and RFC 5545 does not: it fails on them in a later year."""
    for name in _WITHIN.keys() & parts.keys():
        for text in parts[name].split(","):
            number = int(text) if re.fullmatch(r"[+-]?[0-9]{1,3}", text) else _WITHIN[name] + 1
            counted = abs(number) if name in _FROM_THE_END else number
            if not (0 if name in _FROM_ZERO else 1) <= counted <= _WITHIN[name]:
                raise Rejected("invalid_rule", f"{name} cannot be {text[:20]}", path="rrule")
    in_month = parts["FREQ"] == "MONTHLY" or "BYMONTH" in parts
    most = 5 if in_month else 53
    for text in parts.get("BYDAY", "MO").split(","):
        day = _DAY_OF.fullmatch(text)
        nth = int(day[1]) if day and day[1] else None
        numbered = parts["FREQ"] in ("MONTHLY", "YEARLY") and "BYWEEKNO" not in parts
        if day is None or (nth is not None and not (numbered and 1 <= abs(nth) <= most)):
            raise Rejected("invalid_rule", f"BYDAY cannot be {text[:20]} here", path="rrule")


def _comes(parts: Parts, start: datetime) -> bool:
    """Whether a time ever fits. The calendar repeats every 400 years, to the weekday: near the end of time a
    search that finds nothing is soon over."""
    late = start.replace(year=start.year + (_LATE - start.year) // _GREGORIAN_CYCLE * _GREGORIAN_CYCLE)
    tries = [{**parts, "COUNT": "1"}]
    days = {name: parts[name] for name in _DAYS if name in parts}
    if days and parts["FREQ"] in ("WEEKLY", "DAILY", "HOURLY"):
        # A year at a time tells days that never come thirty times sooner than an hour at a time.
        tries.insert(0, {"FREQ": "YEARLY", "COUNT": "1", **days})
    return all(next(iter(rrulestr(text_of(one, without="UNTIL"), dtstart=late)), None) for one in tries)


def _times_of_day(parts: Parts) -> list[str]:
    hours = parts.get("BYHOUR", _EACH_HOUR if parts["FREQ"] == "HOURLY" else "0").split(",")
    return [f"{hour}:{minute}" for hour in hours for minute in parts.get("BYMINUTE", "0").split(",")]
