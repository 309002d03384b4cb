"""The screen of an import: a progress bar while it runs, then a report on its rows."""

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
"""How long an import may wait to start before the screen says what it waits for."""


def follow(db: Database[Document], document: Document, clock: Clock, out: Console) -> ImportView:
    """Shows a progress bar until the import has ended; returns its final state. Ctrl-C leaves it running."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows, {task.fields[waiting]} commands waiting"),
        TimeElapsedColumn(),
    )
    rows = count_rows(db, document)
    started: float | None = clock.monotonic()
    with Progress(*columns, console=out, transient=True) as progress:
        bar = progress.add_task(document["name"], total=rows, waiting=0)
        while True:
            latest = imports.find(db, document["tenant_id"], document["_id"]) or document
            shown = import_report.import_view(db, latest)
            waiting = sum(shown.counts.commands.get(state, 0) for state in RUNNABLE)
            progress.update(bar, completed=shown.counts.rows, waiting=waiting)
            if latest["state"] not in imports.OPEN:
                return shown
            if started is not None and latest["state"] == "pending" and clock.monotonic() - started > LONG_S:
                progress.print(f"{document['name']} waits for a worker: is one running? Ctrl-C keeps it.")
                started = None
            clock.sleep(LOOK_EVERY.total_seconds())


def count_rows(db: Database[Document], document: Document) -> int:
    """About how many rows the file has: its lines, less the header."""
    with imports.open_file(db, document["_id"]) as source:
        lines = 0
        while chunk := source.read(1024 * 1024):
            lines += chunk.count(b"\n")
            last = chunk
    return max(lines - 1 + (not last.endswith(b"\n")), 0) if lines else 0


def summary(shown: ImportView, rows: list[Document], out: Console) -> None:
    """Prints the counts of rows by outcome, then the rows that were refused or changed."""
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
            # As text: brackets in a cell are not markup.
            table.add_row(str(row["line"]), row["outcome"], Text(where), Text(reason["message"]))
    return table
