"""Schedules: list them and their fires; pause, resume or run one."""

from collections.abc import Callable
from typing import Annotated, Any

import typer
from pymongo.database import Database
from rich.console import Console

from adapters.mongo.server_time import server_time
from adapters.operators import schedules
from adapters.operators.audit import Act
from adapters.operators.schedules import NotNow
from adapters.settings.table import from_environment
from cli.acting import Reason, by_hand, done
from cli.database import opened
from cli.page import up_to
from cli.stop import Stop
from cli.tables import AsJson, print_rows
from domain.identity.permissions import PLATFORM
from schedules.table import table

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="name of the schedule")]


@app.command("list")
def listed(as_json: AsJson = False) -> None:
    """Every schedule: its rule, what it did last and does next."""
    with opened(from_environment()) as db:
        states = schedules.states(db, list(table()))
        now = server_time(db)
    rows = []
    for name, schedule in table().items():
        state = states[name]
        last, lease = state.get("last_slot"), state["lease"]
        paused = state["paused"]["reason"] if "paused" in state else None
        rows.append(
            {
                "schedule": name,
                "rule": str(schedule.rule),
                "last_slot": last,
                "next": None if paused else schedule.rule.after(last) if last else schedule.rule.last(now),
                "paused": paused,
                "token": lease.token if lease and lease.held else None,
            }
        )
    columns = ("schedule", "rule", "last_slot", "next", "paused", "token")
    print_rows(rows, columns, as_json=as_json, empty="There are no schedules.")


@app.command()
def fires(
    name: Name, limit: Annotated[int, typer.Option(min=1, max=1000)] = 20, as_json: AsJson = False
) -> None:
    """Fires that requested commands, newest first."""
    _check_name(name)
    with opened(from_environment()) as db:
        rows = up_to(limit, schedules.fires(db, name, limit=limit + 1))
    columns = ("slot", "by", "state", "began_at", "ended_at", "commands")
    documents = [{column: fire.get(column) for column in columns} for fire in rows]
    print_rows(documents, columns, as_json=as_json, empty=f"{name} has requested nothing lately.")


@app.command()
def pause(name: Name, reason: Reason) -> None:
    """Stop firing until it is resumed."""
    _act(name, reason, schedules.pause)
    Console().print(f"{name} is paused.")


@app.command()
def resume(name: Name, reason: Reason) -> None:
    """Fire again; its `catch_up` decides about missed fires."""
    _act(name, reason, schedules.resume)
    Console().print(f"{name} goes on.")


@app.command()
def run(name: Name, reason: Reason) -> None:
    """Fire once more, beside the rule, at the scheduler's next check."""
    _act(name, reason, schedules.run)
    Console().print(f"{name} will run once more.")


def _act(name: str, reason: str, what: Callable[[Database[dict[str, Any]], str, Act], object]) -> None:
    _check_name(name)
    act = by_hand(PLATFORM, reason)
    with opened(from_environment()) as db:
        try:
            done(lambda: what(db, name, act))
        except NotNow as error:
            raise Stop(f"Nothing was done: {error}.") from None


def _check_name(name: str) -> None:
    if name not in table():
        raise Stop(f"There is no schedule {name}: it is one of {', '.join(table())}.")
