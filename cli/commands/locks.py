"""Locks: list their holders and fencing tokens; release one that nobody needs any more."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from adapters.operators import schedules
from adapters.operators.schedules import NoSuchLock
from adapters.settings.table import from_environment
from cli.acting import Reason, by_hand, done
from cli.database import opened
from cli.stop import Stop
from domain.identity.permissions import PLATFORM

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def listed() -> None:
    """Every lock ever taken; its token grows with each holder."""
    with opened(from_environment()) as db:
        locks = schedules.locks(db)
    shown = Table(Column("lock", no_wrap=True), "held", "owner", "token", "until (UTC)", box=None)
    for lock in locks:
        until = f"{lock.expires_at:%Y-%m-%d %H:%M:%S}"
        shown.add_row(lock.name, "yes" if lock.held else "no", lock.owner, str(lock.token), until)
    Console(highlight=False).print(shown if locks else "Nothing was ever locked.")


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
