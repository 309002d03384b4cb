"""Locks: list their holders and fencing tokens; release one that nobody needs any more."""

from typing import Annotated

import typer
from rich.console import Console

from adapters.operators import schedules
from adapters.operators.schedules import NoSuchLock
from adapters.settings.table import from_environment
from cli.acting import Reason, by_hand, done
from cli.database import opened
from cli.stop import Stop
from cli.tables import AsJson, print_rows
from domain.identity.permissions import PLATFORM

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def listed(as_json: AsJson = False) -> None:
    """Every lock ever taken; its token grows with each holder."""
    with opened(from_environment()) as db:
        locks = schedules.locks(db)
    rows = [
        {
            "lock": lock.name,
            "held": "yes" if lock.held else "no",
            "owner": lock.owner,
            "token": lock.token,
            "until": lock.expires_at,
        }
        for lock in locks
    ]
    columns = ("lock", "held", "owner", "token", "until")
    print_rows(rows, columns, as_json=as_json, empty="Nothing was ever locked.")


@app.command()
def release(name: Annotated[str, typer.Argument(help="name of the lock")], reason: Reason) -> None:
    """Release a lock; writes of its former holder are fenced off."""
    act = by_hand(PLATFORM, reason)
    with opened(from_environment()) as db:
        try:
            done(lambda: schedules.release(db, name, act))
        except NoSuchLock:
            raise Stop(f"There is no lock {name}.") from None
    Console().print(f"{name} is free.")
