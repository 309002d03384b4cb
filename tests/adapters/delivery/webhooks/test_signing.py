"""What a receiver can rely on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from adapters.delivery.webhooks.signing import REPLAY_WINDOW, Unverified, headers, verify

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECRET = "a-secret-of-some-length-42"
BODY = b'{"type":"work_order.completed"}'


def test_the_signature_is_that_of_the_convention() -> None:
    """The example of the Standard Webhooks' own libraries."""
    signed = headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        at=datetime.fromtimestamp(1614265330, UTC),
    )

    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_genuine_request_gives_its_id() -> None:
    signed = headers("d1", BODY, secret=SECRET, at=NOON)

    assert verify(signed, BODY, secret=SECRET, now=NOON + REPLAY_WINDOW) == "d1"


def test_one_of_several_signatures_is_enough_while_a_secret_changes() -> None:
    signed = headers("d1", BODY, secret=SECRET, at=NOON)
    signed["webhook-signature"] = f"v1,AAAA {signed['webhook-signature']}"

    assert verify(signed, BODY, secret=SECRET, now=NOON) == "d1"


@pytest.mark.parametrize(
    ("change", "now"),
    [
        ({}, NOON + REPLAY_WINDOW + timedelta(seconds=1)),
        ({}, NOON - REPLAY_WINDOW - timedelta(seconds=1)),
        ({"webhook-id": "d2"}, NOON),
        ({"webhook-timestamp": str(int(NOON.timestamp()) + 1)}, NOON),
        ({"webhook-timestamp": "9" * 30}, NOON),
        ({"webhook-timestamp": "now"}, NOON),
        ({"webhook-signature": "v1,AAAA"}, NOON),
        ({"webhook-signature": "é"}, NOON),
    ],
)
def test_a_replayed_or_changed_request_is_refused(change: dict[str, str], now: datetime) -> None:
    signed = headers("d1", BODY, secret=SECRET, at=NOON) | change

    with pytest.raises(Unverified):
        verify(signed, BODY, secret=SECRET, now=now)


def test_another_body_another_secret_or_no_headers_are_refused() -> None:
    signed = headers("d1", BODY, secret=SECRET, at=NOON)

    for given, body, secret in ((signed, b"{}", SECRET), (signed, BODY, "another"), ({}, BODY, SECRET)):
        with pytest.raises(Unverified):
            verify(given, body, secret=secret, now=NOON)
