"""Which addresses are out on the internet, in whatever spelling."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from adapters.delivery.outcomes import Again, Failed, Sent
from adapters.delivery.webhooks.allowed_addresses import is_listed, is_public, parse_address
from adapters.delivery.webhooks.responses import Response, outcome_of
from adapters.settings.parsers import networks

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.1.2.3", "169.254.169.254", "172.16.0.1",
        "192.168.1.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::5db8:d822", "2002:0a00:0001::1", "2002:7f00:0001::",
        "2001:0:7f00:1::", "2001:db8::1", "100::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0",
        "fec0::1", "ff02::1", "ff0e::1",
    ],
)  # fmt: skip
def test_what_is_not_on_the_internet_is_not_public(address: str) -> None:
    assert not is_public(parse_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "93.184.216.34",
        "2606:2800:220:1::1",
        "::ffff:93.184.216.34",
        "64:ff9b::5db8:d822",
        "2002:5db8:d822::1",
    ],
)
def test_what_is_on_the_internet_is_public(address: str) -> None:
    assert is_public(parse_address(address))


def test_an_installation_may_list_private_networks() -> None:
    allowed = (ip_network("10.1.0.0/16"), ip_network("fd00::/8"))

    assert is_listed(parse_address("10.1.2.3"), allowed)
    assert is_listed(parse_address("::ffff:10.1.2.3"), allowed)
    assert is_listed(parse_address("fd00::7"), allowed)
    assert not is_listed(parse_address("10.2.0.1"), allowed)


def test_the_setting_lists_networks_and_says_what_is_none() -> None:
    assert networks("10.1.0.0/16, fd00::/8") == (ip_network("10.1.0.0/16"), ip_network("fd00::/8"))
    assert networks("") == ()
    with pytest.raises(ValueError, match="must list networks"):
        networks("10.1.2.3/16")


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("60", 60),
        ("999999999999", 3600),
        ("Mon, 02 Mar 2026 12:10:00 GMT", 600),
        ("Mon, 02 Mar 2026 11:00:00 GMT", 5),
        ("soon", 5),
        ("", 5),
    ],
)
def test_an_endpoint_may_ask_for_up_to_an_hour(retry_after: str, seconds: int) -> None:
    outcome = outcome_of(Response(503, retry_after), NOON, backoff=timedelta(seconds=5))

    assert isinstance(outcome, Again)
    assert outcome.after == timedelta(seconds=seconds)


def test_each_status_has_its_meaning() -> None:
    def kind(status: int) -> type:
        return type(outcome_of(Response(status), NOON, backoff=timedelta()))

    assert {kind(status) for status in (200, 204, 299)} == {Sent}
    assert {kind(status) for status in (408, 425, 429, 500, 503, 599)} == {Again}
    assert {kind(status) for status in (300, 301, 308, 400, 401, 404, 410, 422)} == {Failed}
