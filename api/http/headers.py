"""Request headers: Idempotency-Key, If-Match, If-None-Match, Prefer, traceparent."""

from __future__ import annotations

import re
from datetime import timedelta

from api.http.body import Headers
from api.http.problem import Fault, Problem
from locks.idempotency import parse_key

LONGEST_WAIT = timedelta(seconds=10)

_VERSION = re.compile(rb'"(0|[1-9][0-9]{0,14})(?:-[0-9a-f]{16})?"')
_WAIT = re.compile(rb"(?:^|[,;])\s*wait\s*=\s*\"?([0-9]{1,6})\"?\s*(?=$|[,;])", re.IGNORECASE)
_TRACE = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def idempotency_key(headers: Headers) -> str:
    """The Idempotency-Key. Raises: Problem 400: missing or malformed."""
    header = headers.get(b"idempotency-key")
    if header is None:
        fault = Fault("/headers/Idempotency-Key", "missing", "an Idempotency-Key header is required")
        raise Problem(400, "idempotency_key_missing", fault.message, faults=[fault])
    try:
        return parse_key(header.decode("latin-1"))
    except ValueError as error:
        fault = Fault("/headers/Idempotency-Key", "malformed", str(error))
        raise Problem(400, "idempotency_key_malformed", fault.message, faults=[fault]) from None


def base_version(headers: Headers) -> int | None:
    """The version in `If-Match: "7"` or in a full ETag; None without the header. Raises: Problem 400."""
    header = headers.get(b"if-match")
    if header is None:
        return None
    match = _VERSION.fullmatch(header.strip())
    if match is None:
        fault = Fault("/headers/If-Match", "malformed", 'If-Match takes one version in quotes, such as "7"')
        raise Problem(400, "if_match_malformed", fault.message, faults=[fault])
    return int(match[1])


def client_has(headers: Headers, etag: str) -> bool:
    """Whether `If-None-Match` lists this ETag."""
    header = headers.get(b"if-none-match", b"").decode("latin-1")
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return etag in tags or tags == ["*"]


def preferred_wait(headers: Headers) -> timedelta | None:
    """The wait in `Prefer: wait=…`, at most LONGEST_WAIT; None if absent or malformed."""
    match = _WAIT.search(headers.get(b"prefer", b""))
    return min(timedelta(seconds=int(match[1])), LONGEST_WAIT) if match else None


def traceparent(headers: Headers) -> str | None:
    """The W3C trace context; None if absent or malformed, as the standard requires."""
    header = headers.get(b"traceparent")
    return header.decode("ascii") if header is not None and _TRACE.fullmatch(header) else None
