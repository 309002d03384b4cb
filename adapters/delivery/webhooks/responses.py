"""What the answer to a webhook means for its row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import msgspec

from adapters.delivery.outcomes import Again, Failed, Outcome, Sent, Trouble

LONGEST_WAIT = timedelta(hours=1)
"""No endpoint may put us off for longer at once."""

_PASSING = (408, 425, 429)


class Answer(msgspec.Struct, frozen=True):
    status: int
    retry_after: str = ""


def judged(answer: Answer, now: datetime, *, backoff: timedelta) -> Outcome:
    """2xx: taken. 429, 5xx and the like: again, not before the endpoint asks for it. All else, redirects too
    (they could lead anywhere): never."""
    status = answer.status
    error = Trouble(f"http_{status}", f"the endpoint answered with status {status}")
    if 200 <= status <= 299:
        return Sent()
    if status in _PASSING or 500 <= status <= 599:
        return Again(error, max(backoff, min(_asked(answer.retry_after, now), LONGEST_WAIT)))
    return Failed(error)


def _asked(retry_after: str, now: datetime) -> timedelta:
    """Of a Retry-After, in seconds or as a date; nothing for what is neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text[:9]))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return timedelta()
    return moment.replace(tzinfo=moment.tzinfo or UTC) - now
