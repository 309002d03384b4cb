"""Webhooks: an external URL that events are posted to, and the secret that signs them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, ClassVar
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Meta

from domain.entity import Entity
from domain.errors import Rejected

MOST_TYPES = 100

_URL = r"^https?://[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+$(?!\n)"

WebhookUrl = Annotated[
    str,
    Meta(max_length=2_000, pattern=_URL, description="https, without a login and without a fragment"),
]
EventType = Annotated[
    str,
    Meta(max_length=100, pattern=r"^[a-z_]+(\.[a-z_]+)+$(?!\n)", description="such as work_order.completed"),
]

_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?|[0-9a-f:.]*:[0-9a-f:.]*")
_PORTS = {"https": 443, "http": 80}


class Webhook(Entity, frozen=True, kw_only=True):
    """`active_since`: it receives events from then on, not those from while it was inactive."""

    kind: ClassVar[str] = "webhook"
    collection: ClassVar[str] = "webhooks"

    url: str
    events: tuple[str, ...]
    secret: str
    active: bool = True
    active_since: datetime | None = None

    def __repr__(self) -> str:
        return f"Webhook({self.id})"  # the secret must not appear in a traceback


class Endpoint(msgspec.Struct, frozen=True):
    """The parts of a URL. `host` is a name, or an address without brackets; `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_secure(self) -> bool:
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def endpoint(url: str) -> Endpoint:
    """The endpoint of a URL. Whether its address is allowed is checked when it is connected to.

    Raises: Rejected: invalid_url.
    """
    if not re.match(_URL, url) or len(url) > 2_000:
        raise _invalid("must be an absolute URL of at most 2,000 characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _invalid(str(error)) from None
    if fault := _fault(parts, host, port):
        raise _invalid(fault)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Endpoint(parts.scheme, host, port or _PORTS[parts.scheme], path)


def _fault(parts: SplitResult, host: str, port: int | None) -> str | None:
    if "@" in parts.netloc:
        return "must not hold a login"
    if port == 0:
        return "has no such port"
    if len(host) > 253 or not _HOST.fullmatch(host):
        return "must name a host, one beyond ASCII in its xn-- form"
    return None


def _invalid(fault: str) -> Rejected:
    return Rejected("invalid_url", f"the URL {fault}", path="url")


def updated_webhook(
    old: Webhook | None,
    *,
    id: str,
    url: str,
    events: tuple[str, ...],
    secret: str | None,
    active: bool,
    now: datetime,
) -> Webhook:
    """The new or changed webhook; without a `secret` it keeps the one it has.

    Raises: Rejected: invalid_url, secret_required.
    """
    endpoint(url)
    signing_secret = secret or (old.secret if old else None)
    if signing_secret is None:
        raise Rejected("secret_required", "a new webhook needs a secret to sign with", path="secret")
    since = old.active_since if old and old.active else now
    return Webhook(
        id=id,
        version=old.version if old else 0,
        url=url,
        events=tuple(sorted(set(events))),
        secret=signing_secret,
        active=active,
        active_since=since if active else None,
    )
