"""What a webhook may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import Rejected
from domain.notices.webhook import Endpoint, Webhook, endpoint, updated_webhook

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def made(old: Webhook | None = None, **fields: Any) -> Webhook:
    known: dict[str, Any] = {
        "url": "https://hooks.example.com/in",
        "events": ("work_order.completed",),
        "secret": "s" * 24,
        "active": True,
        "now": NOON,
    }
    return updated_webhook(old, id="w1", **known | fields)


@pytest.mark.parametrize(
    ("url", "expected", "authority"),
    [
        ("https://h.example.com", Endpoint("https", "h.example.com", 443, "/"), "h.example.com"),
        (
            "https://H.example.com:8443/a;b?c=d",
            Endpoint("https", "h.example.com", 8443, "/a;b?c=d"),
            "h.example.com:8443",
        ),
        ("http://[fd00::1]:80/x", Endpoint("http", "fd00::1", 80, "/x"), "[fd00::1]"),
    ],
)
def test_a_url_says_where_it_leads(url: str, expected: Endpoint, authority: str) -> None:
    assert endpoint(url) == expected
    assert endpoint(url).authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h.example.com/",
        "https:///path",
        "https://user:pass@h.example.com/",
        "https://@h.example.com/",
        "https://h.example.com:0/",
        "https://h.example.com:65536/",
        "https://h.example.com\\@localhost/",
        "https://h.example.com/a b",
        "https://h.example.com/#top",
        "https://h.example.com/\n",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://b%C3%BCcher.example/",
        f"https://{'h' * 254}/",
        f"https://h.example.com/{'x' * 2_000}",
    ],
)
def test_a_url_that_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(Rejected) as refused:
        made(url=url)

    assert (refused.value.code, refused.value.path) == ("invalid_url", "url")


def test_a_new_webhook_needs_a_secret_and_keeps_it_unless_it_gets_another() -> None:
    with pytest.raises(Rejected) as refused:
        made(secret=None)
    assert refused.value.code == "secret_required"

    old = made()
    assert made(old, secret=None, url="https://other.example.com/").secret == old.secret
    assert made(old, secret="t" * 24).secret == "t" * 24


def test_it_is_told_of_what_happens_from_when_it_listens() -> None:
    later = NOON + timedelta(hours=1)
    old = made()
    off = made(old, active=False, now=later)

    assert old.active_since == NOON
    assert made(old, now=later).active_since == NOON
    assert off.active_since is None
    assert made(off, now=later).active_since == later


def test_no_representation_of_it_holds_its_secret() -> None:
    assert "ssss" not in f"{made()!r} {made()}"
