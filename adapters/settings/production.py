"""What production refuses to start on, as far as the settings alone show it."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapters.settings.table import Settings

SECRET_BYTES = 32
BCRYPT_ROUNDS = 10
WEAK_WORDS = ("changeme", "change-me", "change_me", "password")


def production_faults(settings: Settings, *, demo_secret: str | None) -> list[str]:
    """One line for each setting that production must not have.

    `demo_secret`: the secret that `make up` generated under DATA_DIR; None if there is none.
    """
    faults = [
        *_secrets(settings, demo_secret),
        *_passwords(settings),
        *_browser(settings),
        *_servers(settings),
        *_mail(settings),
    ]
    # One weak secret that signs both kinds of token is one fault.
    return list(dict.fromkeys(faults))


def _secrets(settings: Settings, demo_secret: str | None) -> Iterator[str]:
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
        elif secret == demo_secret:
            yield f"{name}: is the demo's"


def _passwords(settings: Settings) -> Iterator[str]:
    if settings.password_bcrypt_rounds < BCRYPT_ROUNDS:
        yield f"PASSWORD_BCRYPT_ROUNDS: production needs {BCRYPT_ROUNDS} or more"


def _browser(settings: Settings) -> Iterator[str]:
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
