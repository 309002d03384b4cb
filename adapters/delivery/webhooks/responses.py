"""The outcome of a webhook response."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import msgspec

from adapters.delivery.outcomes import Again, Failed, Outcome, Sent, Trouble

LONGEST_WAIT = timedelta(hours=1)
"""Longest Retry-After that is honoured."""

_PASSING = (408, 425, 429)


class Response(msgspec.Struct, frozen=True):
    """The head of a response."""

    status: int
    retry_after: str = ""


def outcome_of(response: Response, now: datetime, *, backoff: timedelta) -> Outcome:
    """2xx: sent. 408, 425, 429 and 5xx: again, not before Retry-After. All others, with redirects: failed."""
    status = response.status
    error = Trouble(f"http_{status}", f"the endpoint responded with status {status}")
    if 200 <= status <= 299:
        return Sent()
    if status in _PASSING or 500 <= status <= 599:
        return Again(error, max(backoff, min(_retry_wait(response.retry_after, now), LONGEST_WAIT)))
    return Failed(error)


def _retry_wait(retry_after: str, now: datetime) -> timedelta:
    """The wait of a Retry-After header, in seconds or as a date; zero if it is neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text[:9]))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return timedelta()
    return moment.replace(tzinfo=moment.tzinfo or UTC) - now
