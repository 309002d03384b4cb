"""Post a command and wait for its end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import httpx
import msgspec
import typer
from rich.console import Console

from adapters.process.clock import SystemClock
from cli.acting import new_id
from cli.client.http import refusal_text, signed_in
from cli.client.payload import from_arguments, from_file
from cli.client.receipts import show
from cli.stop import Stop
from cli.tables import AsJson, print_json
from tasks.catalogue import catalogue

MOST_S = 10


def main(
    type: Annotated[str, typer.Argument(help="e.g. work_order.create; `get commands/catalogue` lists them")],
    fields: Annotated[
        list[str] | None, typer.Argument(help="NAME=VALUE, or NAME:=JSON", show_default=False)
    ] = None,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="a JSON file; fields given win over it")
    ] = None,
    key: Annotated[str | None, typer.Option(help="idempotency key; a new one if unset")] = None,
    version: Annotated[int | None, typer.Option("--if-match", help="the version that you saw")] = None,
    wait: Annotated[int, typer.Option(min=0, max=MOST_S, help="seconds; 0 only accepts")] = MOST_S,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="print only the id of the target")] = False,
    as_json: AsJson = False,
) -> None:
    spec = catalogue().get(type)
    payload = from_file(file) if file else {}
    payload |= from_arguments(fields or (), spec.payload if spec else None)
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": key or f"cli-{new_id(SystemClock().now())}",
    }
    if wait:
        headers["Prefer"] = f"wait={wait}"
    if version is not None:
        headers["If-Match"] = f'"{version}"'
    with signed_in() as api:
        answer = api.request(
            "POST", f"/api/commands/{type}", headers=headers, content=msgspec.json.encode(payload)
        )
    _report(answer, as_json=as_json, quiet=quiet)


def _report(answer: httpx.Response, *, as_json: bool, quiet: bool) -> None:
    """Raises: Stop: it was refused, or ended otherwise than applied."""
    body: dict[str, Any] = answer.json() if "json" in answer.headers.get("content-type", "") else {}
    if answer.is_success and quiet:
        typer.echo(body["target"].partition(":")[2])
    elif answer.status_code == httpx.codes.ACCEPTED:
        if as_json:
            print_json(body)
        else:
            Console(highlight=False, soft_wrap=True).print(
                f"{body['type']} {body['target']} is accepted ({body['command_id']}). "
                f"Follow it with: ./millwright receipt {body['command_id']}"
            )
    elif answer.is_success:
        show(body, as_json=as_json)
    elif as_json and body:
        print_json(body)
        raise typer.Exit(1)
    else:
        raise Stop(refusal_text(answer))
