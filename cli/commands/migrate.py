"""Bring the database up to date, or to a numbered state."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Any
from uuid import uuid4

import typer
from pymongo.database import Database
from rich.console import Console
from rich.table import Table

import migrations
from adapters.process.clock import Clock, SystemClock
from adapters.settings.table import from_environment
from cli.database import opened
from cli.stop import Stop
from locks.keeper import Keeper
from locks.lease import Leases, Unreachable
from migrations import runner
from migrations.steps import discover

Document = dict[str, Any]

LEASE = "migrations"
TTL = timedelta(seconds=30)


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
    """Migrates the database, or with `dry_run` only prints the steps.

    Raises: Stop: record and files disagree, or another process migrates.
    """
    if dry_run:
        for move in _moves(db, out, to=to):
            out.print(f"would go {move}")
        return
    with _migration_lease(db, clock) as keeper:

        def report(move: runner.Move, ms: int) -> None:
            out.print(f"migrated {move} ({ms} ms)")
            if not keeper.held:
                raise Stop("The database answered too late: another one may migrate by now. Run it again.")

        runner.run(db, _moves(db, out, to=to), clock, report=report)


def _moves(db: Database[Document], out: Console, *, to: int | None) -> list[runner.Move]:
    try:
        moves = runner.plan(discover(migrations), runner.recorded(db), to=to)
    except runner.Refused as refused:
        raise Stop(f"Nothing was migrated: {refused}.") from None
    if not moves:
        out.print("The database is up to date.")
    return moves


@contextmanager
def _migration_lease(db: Database[Document], clock: Clock) -> Iterator[Keeper]:
    """Holds the migration lease for the block, so that no other process migrates meanwhile."""
    leases = Leases(db["leases"], monotonic=clock.monotonic, new_owner=lambda: str(uuid4()))
    try:
        lease = leases.acquire(LEASE, ttl=TTL)
        if lease is None:
            raise Stop(
                f"Another one migrates this database: wait for it. After one that was killed, wait "
                f"{TTL.total_seconds():.0f} s."
            )
        with Keeper(leases, lease, monotonic=clock.monotonic) as keeper:
            yield keeper
    except Unreachable as error:
        raise Stop(f"MongoDB does not answer: {error}") from None


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
