"""Sign in at a running Millwright; the commands that talk to it go on as you."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from adapters.settings.table import from_environment, inherited
from cli.client import session as sessions
from cli.client.http import REFRESH_COOKIE, accepted, connected, unreachable_as_stop
from cli.client.session import Session
from cli.stop import Stop


def main(
    email: Annotated[str, typer.Argument(help="your login")],
    url: Annotated[
        str | None, typer.Option(help="where it runs; MILLWRIGHT if unset, else HOST and PORT")
    ] = None,
    otp: Annotated[str | None, typer.Option(help="the code of your authenticator, if you have one")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="read the password from standard input")
    ] = False,
) -> None:
    here = from_environment(servers_needed=False).own_url
    address = (url or inherited().get("MILLWRIGHT") or here).rstrip("/")
    credentials = {"email": email, "password": _password(from_stdin=password_stdin)}
    with connected(address) as client, unreachable_as_stop(address):
        answer = accepted(client.post("/api/auth/login", json=credentials | ({"otp": otp} if otp else {})))
        session = Session(
            url=address,
            email=email,
            access_token=answer.json()["access_token"],
            refresh_token=answer.cookies.get(REFRESH_COOKIE),
        )
    sessions.save(session)
    Console(highlight=False, soft_wrap=True).print(f"Signed in at {address} as {email}.")


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Stop("There is no terminal to ask for the password: use --password-stdin.")
    password: str = typer.prompt("Password", hide_input=True)
    return password
