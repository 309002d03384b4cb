"""What production refuses to start on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

import pymongo

from adapters.mongo import client as mongo
from adapters.mongo.client import translated

if TYPE_CHECKING:
    from adapters.settings.table import Settings

SECRET_BYTES = 32
ASK_WITHIN = timedelta(seconds=10)
WEAK_WORDS = ("changeme", "change-me", "change_me", "password")
DEMO_DOMAIN = "millwright.test"

# A filter on the collection `logins`, whose `_id` is the address a person logs in with.
DEMO_LOGINS: Final[dict[str, Any]] = {"_id": {"$regex": r"@(.+\.)?millwright\.test$"}}


class DemoInProduction(Exception):
    """The database holds the demo's users, whose password everybody knows."""


def refuse_demo_login(settings: Settings, found: object | None) -> None:
    """Takes what `find_one(DEMO_LOGINS)` on `logins` gave. Raises: DemoInProduction."""
    if settings.is_production and found is not None:
        raise DemoInProduction(
            f"This database holds demo users (…@{DEMO_DOMAIN}) whose password is public: "
            f"use an empty database, or remove them, before starting with APP_ENV=production."
        )


def refuse_demo(settings: Settings) -> None:
    """Asked before a process begins its work. Raises: DemoInProduction; Unavailable: nobody can tell."""
    if not settings.is_production:
        return
    with (
        translated(),
        pymongo.timeout(ASK_WITHIN.total_seconds()),
        mongo.client(settings.mongo_uri, **settings.mongo_options) as client,
    ):
        found = client[settings.database]["logins"].find_one(DEMO_LOGINS)
    refuse_demo_login(settings, found)


def production_faults(settings: Settings) -> list[str]:
    """One line for each thing that production may not have."""
    found = [*_secrets(settings), *_outside(settings), *_servers(settings), *_mail(settings)]
    # One secret that signs both kinds of token is one fault.
    return list(dict.fromkeys(found))


def _secrets(settings: Settings) -> Iterator[str]:
    for kind, own, secret in (
        ("ACCESS", settings.jwt_access_secret, settings.access_secret),
        ("REFRESH", settings.jwt_refresh_secret, settings.refresh_secret),
    ):
        name = f"JWT_{kind}_SECRET" if own else "JWT_SECRET"
        if not secret:
            yield f"JWT_SECRET: production needs it (or JWT_{kind}_SECRET)"
        elif len(secret.encode()) < SECRET_BYTES:
            yield f"{name}: is shorter than {SECRET_BYTES} bytes"
        elif any(word in secret.lower() for word in WEAK_WORDS):
            yield f"{name}: holds a word that everybody guesses"
        elif secret == _demo_secret(settings):
            yield f"{name}: is the demo's"


def _demo_secret(settings: Settings) -> str | None:
    from adapters.settings.table import JWT_FILE

    file = settings.data_dir / JWT_FILE
    return file.read_text().strip() if file.is_file() else None


def _outside(settings: Settings) -> Iterator[str]:
    if "*" in settings.cors_origin:
        yield "CORS_ORIGIN: * lets every site call this one; list the origins"
    elif not settings.cors_origin:
        yield "CORS_ORIGIN: production needs it"
    if not settings.frontend_url:
        yield "FRONTEND_URL: production needs it"


def _servers(settings: Settings) -> Iterator[str]:
    for name, value in (("MONGO_URI", settings.mongo_uri), ("REDIS_URL", settings.redis_url)):
        if value == "embedded":
            yield f"{name}: production needs it; embedded servers are for development"
        elif any(word in value.lower() for word in WEAK_WORDS):
            yield f"{name}: holds a password that everybody guesses"


def _mail(settings: Settings) -> Iterator[str]:
    if settings.smtp_host and settings.smtp_tls == "none" and not _is_loopback(settings.smtp_host):
        yield "SMTP_TLS: none sends mail and password in the clear; use starttls or tls"
    if any(word in settings.smtp_password.lower() for word in WEAK_WORDS):
        yield "SMTP_PASSWORD: holds a word that everybody guesses"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
