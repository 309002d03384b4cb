"""Signatures after the Standard Webhooks convention, for who sends and for who receives.

    webhook-id: the delivery's id, the same at every attempt: who has seen it already does nothing
    webhook-timestamp: when this attempt was signed, in seconds since 1970
    webhook-signature: "v1," and the base64 of HMAC-SHA256 over "<id>.<timestamp>.<body>"

The key of a secret `whsec_<base64>` is what that encodes, of any other its characters. A receiver refuses
what is older than REPLAY_WINDOW, so that a request that somebody has overheard cannot be played to it later.
It remembers ids for longer than we try (days), and does nothing about one that it knows.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256

REPLAY_WINDOW = timedelta(minutes=5)

_PREFIX = "whsec_"
_MOST_DIGITS = 12


class Unverified(Exception):
    """The request is not the sender's, or not from now."""


def headers(id: str, body: bytes, *, secret: str, at: datetime) -> dict[str, str]:
    """What proves the body to be ours, as of `at`."""
    timestamp = str(int(at.timestamp()))
    return {
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": _signature(id, timestamp, body, secret),
    }


def verify(given: Mapping[str, str], body: bytes, *, secret: str, now: datetime) -> str:
    """The id of a genuine request; `given` has its headers by lower-case names. Raises: Unverified."""
    try:
        id, timestamp, signatures = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    except KeyError as error:
        raise Unverified(f"no header {error}") from None
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _MOST_DIGITS):
        raise Unverified("the timestamp is no number")
    if abs(now - datetime.fromtimestamp(int(timestamp), UTC)) > REPLAY_WINDOW:
        raise Unverified("signed too long ago, or by a clock that is ahead")
    ours = _signature(id, timestamp, body, secret).encode()
    # Several, separated by spaces, where a sender changes its secret.
    if not any(hmac.compare_digest(ours, theirs.encode()) for theirs in signatures.split(" ")):
        raise Unverified("the signature is another's")
    return id


def _signature(id: str, timestamp: str, body: bytes, secret: str) -> str:
    signed = b".".join((id.encode(), timestamp.encode(), body))
    return "v1," + b64encode(hmac.digest(_key(secret), signed, sha256)).decode()


def _key(secret: str) -> bytes:
    prefix, encoded = secret[: len(_PREFIX)], secret[len(_PREFIX) :]
    if prefix == _PREFIX:
        with suppress(ValueError):
            return b64decode(encoded, validate=True)
    return secret.encode()
