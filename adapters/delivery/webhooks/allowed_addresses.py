"""Which addresses a webhook may reach: the open internet, and what an installation allows besides."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from adapters.settings.parsers import Networks

Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_LOW_32 = (1 << 32) - 1


def parsed(text: str) -> Address:
    """Of what a resolver gives, without the zone of a link-local one. Raises: ValueError."""
    return ip_address(text.partition("%")[0])


def is_listed(address: Address, allowed: Networks) -> bool:
    """Whether the installation names it, or the IPv4 address written inside it as IPv6."""
    plain = (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
    return any(plain in network for network in allowed)


def is_public(address: Address) -> bool:
    """Whether it, and every address that it is another spelling or a tunnel of, is out on the internet."""
    if isinstance(address, IPv4Address):
        return _is_global(address)
    if address in _LOCAL_NAT64 or address.is_site_local:
        return False
    inside = list(_inside(address))
    if inside:
        return all(map(_is_global, inside))
    return _is_global(address)


def _inside(address: IPv6Address) -> Iterator[IPv4Address]:
    if address in _NAT64:
        yield IPv4Address(int(address) & _LOW_32)
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address.sixtofour:
        yield address.sixtofour
    yield from address.teredo or ()


def _is_global(address: Address) -> bool:
    # Multicast can be global in scope, and what is reserved today is somebody's tomorrow.
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or address.is_loopback
        or address.is_link_local
    )
