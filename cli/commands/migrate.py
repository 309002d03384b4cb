"""Bring the database up to date, or to a numbered state."""

from typing import Annotated, Any

import typer
from pymongo.database import Database
from rich.console import Console
from rich.table import Table

import migrations
from adapters.clock import Clock, SystemClock
from adapters.settings import from_environment
from cli.database import opened
from cli.stop import Stop
from migrations import runner
from migrations.steps import discover

Document = dict[str, Any]


def main(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be done")] = False,
    show: Annotated[
        bool, typer.Option("--list", help="show every migration and when it was applied")
    ] = False,
    to: Annotated[int | None, typer.Option(help="the number to end at; newer ones are taken down")] = None,
    down: Annotated[bool, typer.Option("--down", help="take the newest one down")] = False,
) -> None:
    out = Console(highlight=False)
    with opened(from_environment()) as db:
        if show:
            _list(db, out)
            return
        if down:
            to = _before_newest(db, to)
        migrate(db, SystemClock(), out, to=to, dry_run=dry_run)


def migrate(
    db: Database[Document], clock: Clock, out: Console, *, to: int | None = None, dry_run: bool = False
) -> None:
    """Makes the moves, or with `dry_run` only says them. Raises: Stop: record and files disagree."""
    try:
        moves = runner.plan(discover(migrations), runner.recorded(db), to=to)
    except runner.Refused as refused:
        raise Stop(f"Nothing was migrated: {refused}.") from None
    if not moves:
        out.print("The database is up to date.")
    elif dry_run:
        for move in moves:
            out.print(f"would go {move}")
    else:
        runner.run(db, moves, clock, told=lambda move, ms: out.print(f"migrated {move} ({ms} ms)"))


def _before_newest(db: Database[Document], to: int | None) -> int:
    if to is not None:
        raise Stop("Choose one of --down and --to.")
    applied = sorted(runner.recorded(db))
    if not applied:
        raise Stop("No migration is applied: there is nothing to take down.")
    return applied[-2] if len(applied) > 1 else 0


def _list(db: Database[Document], out: Console) -> None:
    records = runner.recorded(db)
    shown = Table("number", "name", "applied at (UTC)", "took")
    for step in discover(migrations):
        record = records.get(step.number)
        applied = f"{record['applied_at']:%Y-%m-%d %H:%M:%S}" if record else "not yet"
        shown.add_row(
            f"{step.number:04d}", step.name, applied, f"{record['duration_ms']} ms" if record else ""
        )
    out.print(shown)
