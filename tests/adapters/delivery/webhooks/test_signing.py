"""What a receiver can rely on, checked with the reference library of the convention."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from adapters.delivery.webhooks.signing import headers, key
from adapters.process.clock import SystemClock

BODY = '{"title":"Kühlung"}'.encode()


def test_the_signature_is_that_of_the_convention() -> None:
    """The example of the Standard Webhooks' own libraries."""
    signed = headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        at=datetime.fromtimestamp(1614265330, UTC),
    )

    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "secret", ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_not base64!", "of characters: ü 42"]
)
def test_a_receiver_verifies_what_any_secret_has_signed(secret: str) -> None:
    signed = headers("d1", BODY, secret=secret, at=SystemClock().now())

    assert Webhook(key(secret)).verify(BODY, signed) == {"title": "Kühlung"}


def test_another_body_or_another_secret_is_refused() -> None:
    signed = headers("d1", BODY, secret="a-secret-of-some-length-42", at=SystemClock().now())

    for body, secret in ((b"{}", "a-secret-of-some-length-42"), (BODY, "another")):
        with pytest.raises(WebhookVerificationError):
            Webhook(key(secret)).verify(body, signed)
