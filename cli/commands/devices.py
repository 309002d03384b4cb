"""Instructions to devices, which they get at their next sync."""

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
    """Make all devices fetch their copy again, as is needed after a restore. Their unsent actions are
    kept."""
    act = by_hand(PLATFORM, reason)
    with opened(from_environment()) as db:
        done(lambda: lineage.renew(db, act))
    Console().print("Every device fetches its copy anew at its next sync.")
