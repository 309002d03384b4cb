"""Whether a recurrence rule makes sense, decided when it is entered: no plan is to stumble over it later."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import islice

from msgspec.structs import replace

from domain.errors import Rejected
from domain.recurrence.expansion import LAST, rule_times
from domain.recurrence.rule import WEEKDAYS, Parts, Rule, parts_of, read_rule

FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY")
MOST_A_DAY = 24
TRIED = 20
"""Times that are worked out when a rule is entered, each at no more than it may cost."""

_EACH_HOUR = ",".join(str(hour) for hour in range(24))
_WITHIN = {
    "BYSETPOS": 366, "BYMONTH": 12, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53,
    "BYHOUR": 23, "BYMINUTE": 59,
}  # fmt: skip
_FROM_ZERO = ("BYHOUR", "BYMINUTE")
_FROM_THE_END = ("BYSETPOS", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO")
_NOT_WITH = {
    "BYWEEKNO": ("MONTHLY", "WEEKLY", "DAILY", "HOURLY"),
    "BYYEARDAY": ("MONTHLY", "WEEKLY", "DAILY"),
    "BYMONTHDAY": ("WEEKLY",),
}
"""What RFC 5545 (3.3.10) forbids."""

_DAY_OF = re.compile(r"(\+|[+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_GREGORIAN_CYCLE = 400
_MOST_DAYS = {"YEARLY": 366, "MONTHLY": 31, "WEEKLY": 7, "DAILY": 1, "HOURLY": 1}


def check_rule(text: str, start: datetime, time_zone: str) -> None:
    """Raises: Rejected: invalid_rule, rule_too_frequent, rule_too_costly, rule_exhausted (it never comes)."""
    parts = parts_of(text)
    if parts.get("FREQ") not in FREQUENCIES:
        raise Rejected("rule_too_frequent", f"FREQ is one of {', '.join(FREQUENCIES)}", path="rrule")
    if "BYSECOND" in parts or len(_times_of_day(parts)) > MOST_A_DAY:
        raise Rejected("rule_too_frequent", f"at most {MOST_A_DAY} times a day, on the minute", path="rrule")
    _check_numbers(parts)
    _check_weekdays(parts)
    try:
        rule = read_rule(text, start, time_zone)
    except (ValueError, KeyError, OverflowError) as error:
        raise _invalid(f"this is no rule of RFC 5545: {error}") from None
    _check_positions(parts, rule)
    _check_combinations(parts, rule, start)
    if not _comes(rule, start):
        raise Rejected("rule_exhausted", "no day ever fits this rule", path="rrule")


def _invalid(message: str) -> Rejected:
    return Rejected("invalid_rule", message, path="rrule")


def _check_numbers(parts: Parts) -> None:
    for name, most in (("COUNT", 10_000), ("INTERVAL", 1_000)):
        value = parts.get(name, "1")
        if not re.fullmatch(r"[1-9][0-9]{0,4}", value) or int(value) > most:
            raise _invalid(f"{name} is a whole number from 1 to {most}")
    for name in _WITHIN.keys() & parts.keys():
        for text in parts[name].split(","):
            number = int(text) if re.fullmatch(r"[+-]?[0-9]{1,3}", text) else _WITHIN[name] + 1
            counted = abs(number) if name in _FROM_THE_END else number
            if not (0 if name in _FROM_ZERO else 1) <= counted <= _WITHIN[name]:
                raise _invalid(f"{name} cannot be {text[:20]}")


def _check_weekdays(parts: Parts) -> None:
    if parts.get("WKST", "MO") not in WEEKDAYS:
        raise _invalid(f"WKST is one of {', '.join(WEEKDAYS)}")
    counts_days = parts["FREQ"] in ("MONTHLY", "YEARLY") and "BYWEEKNO" not in parts
    most = 5 if parts["FREQ"] == "MONTHLY" or "BYMONTH" in parts else 53
    for text in parts.get("BYDAY", "MO").split(","):
        day = _DAY_OF.fullmatch(text)
        nth = int(day[1]) if day and day[1] and day[1] != "+" else None
        if day is None or (nth is not None and not (counts_days and 1 <= abs(nth) <= most)):
            raise _invalid(f"BYDAY cannot be {text[:20]} here")


def _check_positions(parts: Parts, rule: Rule) -> None:
    """A place that no period has would be looked for in every one of them, for ever."""
    if not rule.positions:
        return
    if rule.freq == "HOURLY":
        raise _invalid("BYSETPOS has nothing to choose from in an hour")
    most = _most_in_a_period(rule)
    if min(abs(place) for place in rule.positions) > most:
        rare = rule.freq in ("MONTHLY", "YEARLY")
        raise Rejected(
            "rule_exhausted" if rare else "rule_too_costly",
            f"BYSETPOS={parts['BYSETPOS'][:20]} chooses from at most {most}: none would ever fit",
            path="rrule",
        )
    if not any(name.startswith("BY") and name != "BYSETPOS" for name in parts):
        raise _invalid("BYSETPOS goes with another BY part, from whose times it chooses")


def _most_in_a_period(rule: Rule) -> int:
    days = _MOST_DAYS[rule.freq]
    if rule.days and rule.freq in ("WEEKLY", "MONTHLY"):
        each = 5 if rule.freq == "MONTHLY" else 1
        days = min(days, sum(each if nth == 0 else 1 for _, nth in rule.days))
    if rule.month_days and rule.freq == "MONTHLY":
        days = min(days, len(rule.month_days))
    return days * len(rule.hours) * len(rule.minutes)


def _check_combinations(parts: Parts, rule: Rule, start: datetime) -> None:
    if "COUNT" in parts and "UNTIL" in parts:
        raise _invalid("COUNT and UNTIL exclude each other")
    for name, frequencies in _NOT_WITH.items():
        if name in parts and rule.freq in frequencies:
            raise _invalid(f"{name} does not go with FREQ={rule.freq}")
    if rule.until is not None and rule.until < start:
        raise _invalid("UNTIL is before start_local")


def _comes(rule: Rule, start: datetime) -> bool:
    """Whether a time ever fits. The calendar repeats every 400 years, to the weekday: near the end of time a
    search that finds nothing is soon over. Raises: Rejected: rule_too_costly."""
    endless = replace(rule, until=None)
    cycles = (LAST.year - start.year) // _GREGORIAN_CYCLE
    late = start.replace(year=start.year + cycles * _GREGORIAN_CYCLE)
    if next(rule_times(endless, late), None) is None:
        return False
    return bool(list(islice(rule_times(endless, start), TRIED)))


def _times_of_day(parts: Parts) -> list[str]:
    hours = parts.get("BYHOUR", _EACH_HOUR if parts["FREQ"] == "HOURLY" else "0").split(",")
    return [f"{hour}:{minute}" for hour in hours for minute in parts.get("BYMINUTE", "0").split(",")]
