"""Send what a device did offline, and see what waits for a person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from adapters.process.clock import SystemClock
from cli.acting import new_id
from cli.client import batches
from cli.client.http import accepted, signed_in
from cli.client.payload import from_arguments
from cli.client.receipts import show
from cli.stop import Stop
from cli.tables import AsJson, print_json, print_rows
from tasks.catalogue import catalogue

app = typer.Typer(no_args_is_help=True)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="a batch as JSON")],
    as_json: AsJson = False,
) -> None:
    """Send a batch of actions; sent twice it counts once."""
    with signed_in() as api:
        answer = accepted(
            api.request(
                "POST",
                "/api/offline/replays",
                headers={"Content-Type": "application/json"},
                content=file.read_bytes(),
            )
        ).json()
    if as_json:
        print_json(answer)
        return
    print_rows(answer["results"], ("id", "status", "code", "command_id"), as_json=False, empty="None.")


@app.command()
def record(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="the batch; made if it is not there")],
    type: Annotated[str, typer.Argument(help="e.g. work_order.start")],
    fields: Annotated[list[str], typer.Argument(help="NAME=VALUE, or NAME:=JSON")],
    base_version: Annotated[int | None, typer.Option(min=1, help="the version that you saw")] = None,
) -> None:
    """Add an action to a batch, as a device without a signal does; nothing is sent."""
    spec = catalogue().get(type)
    if spec is None:
        raise Stop(f"There is no command {type}.")
    action = batches.Action(
        type=type,
        schema_version=spec.schema_version,
        payload=from_arguments(fields, spec.payload),
        target_kind=spec.kind,
        base_version=base_version,
    )
    batch = batches.extended(batches.read(file), action, now=SystemClock().now(), new_id=new_id)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(batch), indent=2) + b"\n")
    typer.echo(f"{file} has {len(batch['actions'])} actions.")


@app.command()
def inbox(as_json: AsJson = False) -> None:
    """Conflicts and reviews that wait for you to decide."""
    with signed_in() as api:
        waiting = api.get("/api/offline/inbox")["items"]
    if as_json:
        print_json(waiting)
        return
    if not waiting:
        typer.echo("Nothing waits for you.")
    for receipt in waiting:
        show(receipt, as_json=False)
