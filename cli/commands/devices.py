"""What every device is to be told at its next sync, wherever it is."""

import typer
from rich.console import Console

from adapters.devices import lineage
from adapters.settings.table import from_environment
from cli.acting import Reason, by_hand, done
from cli.database import opened
from domain.identity.permissions import PLATFORM

app = typer.Typer(no_args_is_help=True)


@app.callback()
def devices() -> None:
    """A group, even of one command."""


@app.command()
def resync(reason: Reason) -> None:
    """Have all devices fetch their copy anew: needed after a restore. What waits on them is not touched."""
    act = by_hand(PLATFORM, reason)
    with opened(from_environment()) as db:
        done(lambda: lineage.renew(db, act))
    Console().print("Every device fetches its copy anew at its next sync.")
