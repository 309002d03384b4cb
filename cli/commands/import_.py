"""Import files: work orders from CSV."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pymongo.database import Database
from rich.console import Console

from adapters.imports import report as import_report
from adapters.imports import store as imports
from adapters.process.clock import SystemClock
from adapters.settings.table import from_environment
from cli.database import opened
from cli.import_screen import follow, summary
from cli.importing import permitted, submit
from cli.stop import Stop
from domain.importing.mapping import FIELDS, from_options

app = typer.Typer(no_args_is_help=True)

ADMIN = "admin@demo.millwright.test"
AsUser = Annotated[str, typer.Option("--as", help="email of the user who imports")]


@app.command("work-orders")
def work_orders(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV in UTF-8")],
    maps: Annotated[list[str], typer.Option("--map", help=f"FIELD=COLUMN; fields: {', '.join(FIELDS)}")],
    values: Annotated[
        list[str] | None, typer.Option(help="FIELD:FROM=TO,FROM=TO, e.g. type:PM01=corrective")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="of the cost column, e.g. AUD")] = None,
    status: Annotated[
        str | None,
        typer.Option(help="what each order ends in: requested, in_progress, completed, closed, cancelled"),
    ] = None,
    key_column: Annotated[str | None, typer.Option(help="the column that identifies a row for ever")] = None,
    date_format: Annotated[str | None, typer.Option(help="e.g. %d.%m.%Y; ISO 8601 if absent")] = None,
    name: Annotated[
        str | None, typer.Option(help="the same name means the same rows; the file's name")
    ] = None,
    as_user: AsUser = ADMIN,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="report, and change nothing")] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="do not wait: workers go on by themselves")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="exit with 1 if any row was refused")] = False,
) -> None:
    """Turn every row of a CSV file into commands: create, then the history and cost it implies."""
    try:
        mapping = from_options(
            maps,
            values or (),
            currency=currency,
            status=status,
            key_column=key_column,
            date_format=date_format,
        )
    except ValueError as error:
        raise Stop(f"The mapping is not complete: {error}.") from None
    out, clock = Console(highlight=False), SystemClock()
    with opened(from_environment()) as db:
        user = permitted(db, as_user)
        made = submit(db, clock, user, file, name=name, mapping=mapping, dry_run=dry_run)
        if detach:
            out.print(f"Stored. Follow it with: ./millwright import show {made['_id']} --as {as_user}")
            return
        _follow_and_report(db, made, out, strict=strict)


@app.command()
def show(
    import_id: Annotated[str, typer.Argument()],
    as_user: AsUser = ADMIN,
    strict: Annotated[bool, typer.Option("--strict", help="exit with 1 if any row was refused")] = False,
) -> None:
    """Follow an import to its end and report on its rows."""
    with opened(from_environment()) as db:
        user = permitted(db, as_user)
        document = imports.find(db, user["tenant_id"], import_id)
        if document is None:
            raise Stop(f"There is no import {import_id}.")
        _follow_and_report(db, document, Console(highlight=False), strict=strict)


@app.command()
def cancel(import_id: Annotated[str, typer.Argument()], as_user: AsUser = ADMIN) -> None:
    """Send no further rows of an import; what was sent stands."""
    with opened(from_environment()) as db:
        user = permitted(db, as_user)
        if not imports.cancel(db, user["tenant_id"], import_id, at=SystemClock().now()):
            raise Stop(f"There is no open import {import_id}.")
    Console().print("Cancelled.")


def _follow_and_report(db: Database[Any], document: dict[str, Any], out: Console, *, strict: bool) -> None:
    """Raises: typer.Exit(1): the import failed or was cancelled; with `strict`, a row was refused."""
    shown = follow(db, document, SystemClock(), out)
    rows = import_report.rows(db, document["tenant_id"], document["_id"], after_line=0, limit=50)
    summary(shown, rows, out)
    if shown.state != "done" or (strict and shown.counts.refused + shown.counts.missed_rows):
        raise typer.Exit(1)
