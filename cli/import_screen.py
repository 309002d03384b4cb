"""An import as a person sees it: a bar while it runs, then what became of the rows."""

from datetime import timedelta
from typing import Any

from pymongo.database import Database
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from adapters.commands.document import RUNNABLE
from adapters.imports import report as import_report
from adapters.imports import store as imports
from adapters.imports.report import ImportView
from adapters.process.clock import Clock

Document = dict[str, Any]

LOOK_EVERY = timedelta(milliseconds=250)
LONG_S = 5.0
"""How long an import may wait to begin before we say what it waits for."""


def follow(db: Database[Document], found: Document, clock: Clock, out: Console) -> ImportView:
    """Shows a bar until the import has ended; Ctrl-C leaves it running. Returns it as it ended."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows, {task.fields[waiting]} commands waiting"),
        TimeElapsedColumn(),
    )
    rows = count_rows(db, found)
    started: float | None = clock.monotonic()
    with Progress(*columns, console=out, transient=True) as progress:
        bar = progress.add_task(found["name"], total=rows, waiting=0)
        while True:
            latest = imports.find(db, found["tenant_id"], found["_id"]) or found
            shown = import_report.import_view(db, latest)
            waiting = sum(shown.counts.commands.get(state, 0) for state in RUNNABLE)
            progress.update(bar, completed=shown.counts.rows, waiting=waiting)
            if latest["state"] not in imports.OPEN:
                return shown
            if started is not None and latest["state"] == "pending" and clock.monotonic() - started > LONG_S:
                progress.print(f"{found['name']} waits for a worker: is one running? Ctrl-C keeps it.")
                started = None
            clock.sleep(LOOK_EVERY.total_seconds())


def count_rows(db: Database[Document], found: Document) -> int:
    """About how many rows the file has: its lines, less the header."""
    with imports.open_file(db, found["_id"]) as source:
        lines = 0
        while chunk := source.read(1024 * 1024):
            lines += chunk.count(b"\n")
            last = chunk
    return max(lines - 1 + (not last.endswith(b"\n")), 0) if lines else 0


def summary(shown: ImportView, rows: list[Document], out: Console) -> None:
    """What became of the rows, then those of which there is something to tell."""
    counts = shown.counts
    done = "would be" if shown.dry_run else "were"
    out.print(
        f"{shown.name} is {shown.state}: of {counts.rows} rows {counts.new} {done} new, "
        f"{counts.known} known, {counts.changed} changed, {counts.again} tried again, "
        f"{counts.refused} refused."
    )
    if counts.missed_rows:
        out.print(f"Of {counts.missed_rows} rows not everything landed.", style="yellow")
    if commands := counts.commands:
        out.print("Commands: " + ", ".join(f"{n} {state}" for state, n in sorted(commands.items())) + ".")
    if shown.error:
        out.print(Text(f"Why: {shown.error.message}", style="red"))
    if rows:
        out.print(_table(rows))
        out.print(f"All of them: GET /api/imports/{shown.import_id}/rows", style="dim")


def _table(rows: list[Document]) -> Table:
    table = Table("line", "outcome", "column or command", "why")
    for row in rows:
        for reason in row["reasons"]:
            where = reason.get("column") or reason.get("type") or ""
            # As text: what a file's cell says in brackets is no markup of ours.
            table.add_row(str(row["line"]), row["outcome"], Text(where), Text(reason["message"]))
    return table
