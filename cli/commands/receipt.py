"""Show what became of a command."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.client.http import signed_in
from cli.client.receipts import show
from cli.tables import AsJson


def main(
    command_id: Annotated[str, typer.Argument(help="id of the command")], as_json: AsJson = False
) -> None:
    with signed_in() as api:
        show(api.get(f"/api/commands/{command_id}"), as_json=as_json)
