"""Signatures of the Standard Webhooks convention, made by its reference library.

    webhook-id: the delivery's id, the same at every attempt, so that a receiver recognises a repeat
    webhook-timestamp: when this attempt was signed, in seconds since 1970
    webhook-signature: "v1," and the base64 of HMAC-SHA256 over "<id>.<timestamp>.<body>"

The key of a secret `whsec_<base64>` is the decoded part; of any other secret, its characters.
"""

from __future__ import annotations

from base64 import b64decode
from contextlib import suppress
from datetime import datetime

from standardwebhooks.webhooks import Webhook

_PREFIX = "whsec_"


def headers(id: str, body: bytes, *, secret: str, at: datetime) -> dict[str, str]:
    """The three headers that sign the body at `at` (UTC)."""
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(key(secret)).sign(id, at, body.decode()),
    }


def key(secret: str) -> bytes:
    """The signing key of a secret."""
    prefix, encoded = secret[: len(_PREFIX)], secret[len(_PREFIX) :]
    if prefix == _PREFIX:
        with suppress(ValueError):
            return b64decode(encoded, validate=True)
    return secret.encode()
