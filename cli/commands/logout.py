"""Sign out: revoke the session at the server and forget it here."""

from __future__ import annotations

from rich.console import Console

from cli.client import session as sessions
from cli.client.http import signed_in
from cli.stop import Stop


def main() -> None:
    try:
        with signed_in() as api:
            api.request("POST", "/api/auth/logout")
    finally:
        was_signed_in = sessions.forget()
    if not was_signed_in:
        raise Stop("Nobody is signed in.")
    Console().print("Signed out.")
