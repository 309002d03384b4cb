"""Send what a device did offline, and see what waits for a person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.client.http import accepted, signed_in
from cli.client.receipts import show
from cli.tables import AsJson, print_json, print_rows

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
