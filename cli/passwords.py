"""Passwords at the command line: read from a file, or made and shown once."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from adapters.identity import credentials
from adapters.identity.credentials import WeakPassword
from adapters.mongo.client import Document
from adapters.settings.table import Settings
from cli.stop import Stop

PasswordFile = Annotated[
    Path | None,
    typer.Option(help="a file that holds the first password, `-` for standard input; one is made if unset"),
]

_SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
"""Without those that are taken for one another."""


def first_password(
    file: Path | None, user: Document, settings: Settings, *, known: Document | None = None
) -> tuple[str, str | None]:
    """The hash of a first password, and the password itself where it was made here.

    Raises: Stop: the file cannot be read, or the password breaks a rule.
    """
    made = None if file else _made()
    password = made or _read(file)
    policy, rounds = settings.password_policy, settings.password_bcrypt_rounds
    try:
        return credentials.new_hash(password, user, known or {}, policy, rounds=rounds), made
    except WeakPassword as error:
        raise Stop(f"This password is not accepted: {error}.") from None


def _read(file: Path | None) -> str:
    try:
        text = (
            typer.get_text_stream("stdin").read() if str(file) == "-" else Path(str(file)).read_text("utf-8")
        )
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(f"{file} cannot be read: {error}") from None
    return text.rstrip("\r\n")


def _made() -> str:
    """93 random bits in four groups; the head makes sure of every kind of sign that a policy may ask for."""
    groups = ("".join(secrets.choice(_SIGNS) for _ in range(4)) for _ in range(4))
    return "-".join(("Mw7", *groups))
