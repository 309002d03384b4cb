"""Which addresses webhooks may reach: public ones, and networks that the installation allows."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from adapters.settings.parsers import Networks

Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_LOW_32 = (1 << 32) - 1


def parse_address(text: str) -> Address:
    """The address of a resolver's text, without the zone of link-local addresses. Raises: ValueError."""
    return ip_address(text.partition("%")[0])


def is_listed(address: Address, allowed: Networks) -> bool:
    """Whether it is in an allowed network; an IPv4-mapped address counts as its IPv4 address."""
    plain = (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
    return any(plain in network for network in allowed)


def is_public(address: Address) -> bool:
    """Whether the address is public, and with it every address that it maps or tunnels to."""
    if isinstance(address, IPv4Address):
        return _is_global(address)
    if address in _LOCAL_NAT64 or address.is_site_local:
        return False
    embedded = list(_embedded(address))
    if embedded:
        return all(map(_is_global, embedded))
    return _is_global(address)


def _embedded(address: IPv6Address) -> Iterator[IPv4Address]:
    if address in _NAT64:
        yield IPv4Address(int(address) & _LOW_32)
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address.sixtofour:
        yield address.sixtofour
    yield from address.teredo or ()


def _is_global(address: Address) -> bool:
    # Multicast may have global scope, and reserved addresses may be assigned some day.
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or address.is_loopback
        or address.is_link_local
    )
