"""Parse settings from text. Each ValueError says what would be valid."""

import os
import re
from collections.abc import Callable
from datetime import timedelta
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeVar
from urllib.parse import urlsplit

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

T = TypeVar("T")
Word = TypeVar("Word", bound=str)

Networks = tuple[IPv4Network | IPv6Network, ...]

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
DURATION = re.compile(r"(\d{1,12})(ms|[smhdw])")
LONGEST = timedelta(days=36_500)
"""Longest duration: added to any date of ours, it must stay within the calendar."""

TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


def text(value: str) -> str:
    return value


def whole(low: int, high: int) -> Callable[[str], int]:
    """A parser for a whole number in [low, high]."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", value) or not low <= int(value) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(value)

    return parse


def port(value: str) -> int:
    """A TCP port; 0 lets the system choose."""
    return whole(0, 65535)(value)


def yes_or_no(value: str) -> bool:
    if value.lower() in TRUE + FALSE:
        return value.lower() in TRUE
    raise ValueError("must be true or false")


def duration(value: str) -> timedelta:
    """A number and a unit: `500ms`, `30s`, `15m`, `8h`, `7d`, `2w`."""
    match = DURATION.fullmatch(value)
    if not match or int(match[1]) == 0:
        raise ValueError("must be a number and a unit above zero, such as 30s, 15m, 8h or 7d")
    seconds = float(match[1]) * UNITS[match[2]]
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"must be at most {LONGEST.days}d")
    return timedelta(seconds=seconds)


def milliseconds(low: int = 1, *, why: str = "", most: timedelta = LONGEST) -> Callable[[str], timedelta]:
    """A parser for a whole number of milliseconds of at least `low`; `why` explains the minimum in the
    error."""
    reason, high = f" ({why})" if why else "", most // timedelta(milliseconds=1)

    def parse(value: str) -> timedelta:
        if not re.fullmatch(r"[0-9]{1,15}", value) or int(value) < low:
            raise ValueError(f"must be a whole number of milliseconds, at least {low}{reason}")
        if int(value) > high:
            raise ValueError(f"must be at most {high} milliseconds")
        return timedelta(milliseconds=int(value))

    return parse


def days(low: int) -> Callable[[str], timedelta]:
    def parse(value: str) -> timedelta:
        return timedelta(days=whole(low, LONGEST.days)(value))

    return parse


def one_of(*words: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        for word in words:
            if value.lower() == word.lower():
                return word
        raise ValueError(f"must be one of {', '.join(words)}")

    return parse


def some_of(*words: Word) -> Callable[[str], tuple[Word, ...]]:
    """At least one of the words, separated by commas, in the words' own order."""

    def parse(value: str) -> tuple[Word, ...]:
        named = {part.strip() for part in value.split(",") if part.strip()}
        if not named or named - set(words):
            raise ValueError(f"must list some of {', '.join(words)}, separated by commas")
        return tuple(word for word in words if word in named)

    return parse


def url(*schemes: str) -> Callable[[str], str]:
    """A parser for a URL of one of the schemes with a host (`unix`: a path); an empty value passes."""

    def parse(value: str) -> str:
        if value and not _is_url(value, schemes):
            raise ValueError(
                f"must be a URL that begins with {' or '.join(f'{name}://' for name in schemes)}{_ESCAPED}"
            )
        return value

    return parse


_ESCAPED = ", a password in it percent-encoded (/ as %2F)"


def _is_url(value: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(value)
        # Reading it validates it: after a password with a slash, part of that would be there.
        _ = parts.port
    except ValueError:  # its message may contain part of a password
        return False
    return parts.scheme in schemes and bool(parts.netloc or (parts.scheme == "unix" and parts.path))


def mongodb(value: str) -> str:
    """A MongoDB connection string. No DNS lookup is made, and its options are not checked here."""
    scheme, _, rest = value.partition("?")[0].partition("://")
    try:
        if scheme not in ("mongodb", "mongodb+srv"):
            raise ValueError
        parse_uri(f"mongodb://{rest}")
    except (ValueError, PyMongoError):  # their messages may contain part of a password
        raise ValueError(f"must be a URL that begins with mongodb:// or mongodb+srv://{_ESCAPED}") from None
    return value


def embedded_or(parse: Callable[[str], str]) -> Callable[[str], str]:
    """A parser that also takes the word `embedded`."""
    return lambda value: value if value == "embedded" else parse(value)


def origins(value: str) -> tuple[str, ...]:
    """Web origins (`https://host[:port]`, or `*`), separated by commas."""
    listed = tuple(part.strip() for part in value.split(",") if part.strip())
    for origin in listed:
        parts = urlsplit(origin)
        if origin != "*" and (parts.scheme not in ("http", "https") or not parts.netloc or parts.path):
            raise ValueError("must list origins such as https://cmms.example.com, separated by commas")
    return listed


def mailbox(value: str) -> str:
    """An e-mail address, or `Name <address>`."""
    _, address = parseaddr(value)
    name, at, host = address.rpartition("@")
    if not (name and at and host and value.isprintable()) or " " in address:
        raise ValueError("must be an address, or Name <address>")
    return value


def networks(value: str) -> Networks:
    """IP networks (`10.1.0.0/16`, `fd00::/8`), separated by commas."""
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(f"must list networks such as 10.1.0.0/16, separated by commas: {error}") from None


def processes(value: str) -> int:
    """A whole number, or `auto`: two where there are two cores, else one."""
    if value == "auto":
        return min(2, os.cpu_count() or 1)
    return whole(1, 64)(value)
