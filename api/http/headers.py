"""The headers that shape an acceptance: Idempotency-Key, If-Match, Prefer, traceparent."""

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
    """Raises: Problem 400: missing or malformed."""
    given = headers.get(b"idempotency-key")
    if given is None:
        fault = Fault("/headers/Idempotency-Key", "missing", "an Idempotency-Key header is required")
        raise Problem(400, "idempotency_key_missing", fault.message, faults=[fault])
    try:
        return parse_key(given.decode("latin-1"))
    except ValueError as error:
        fault = Fault("/headers/Idempotency-Key", "malformed", str(error))
        raise Problem(400, "idempotency_key_malformed", fault.message, faults=[fault]) from None


def base_version(headers: Headers) -> int | None:
    """The version the client saw, of `If-Match: "7"`, or of an ETag as given. Raises: Problem 400."""
    given = headers.get(b"if-match")
    if given is None:
        return None
    found = _VERSION.fullmatch(given.strip())
    if found is None:
        fault = Fault("/headers/If-Match", "malformed", 'If-Match takes one version in quotes, such as "7"')
        raise Problem(400, "if_match_malformed", fault.message, faults=[fault])
    return int(found[1])


def has(headers: Headers, etag: str) -> bool:
    """Whether the client has that one already, as `If-None-Match` says."""
    given = headers.get(b"if-none-match", b"").decode("latin-1")
    known = [tag.strip().removeprefix("W/") for tag in given.split(",")]
    return etag in known or known == ["*"]


def wait(headers: Headers) -> timedelta | None:
    """How long the client would like to wait for the ending; a preference that is not understood is none."""
    found = _WAIT.search(headers.get(b"prefer", b""))
    return min(timedelta(seconds=int(found[1])), LONGEST_WAIT) if found else None


def traceparent(headers: Headers) -> str | None:
    """The W3C trace context as sent; a malformed one is ignored, as that standard asks."""
    given = headers.get(b"traceparent")
    return given.decode("ascii") if given is not None and _TRACE.fullmatch(given) else None
