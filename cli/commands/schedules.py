"""Schedules: list them and their fires; pause, resume or run one."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import typer
from pymongo.database import Database
from rich.console import Console
from rich.table import Column, Table

from adapters.mongo.server_time import server_time
from adapters.operators import schedules
from adapters.operators.audit import Act
from adapters.operators.schedules import NotNow
from adapters.settings.table import from_environment
from cli.acting import Reason, by_hand, done
from cli.database import opened
from cli.page import up_to
from cli.stop import Stop
from domain.identity.permissions import PLATFORM
from schedules.table import table

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="name of the schedule")]


@app.command("list")
def listed() -> None:
    """Every schedule: its rule, what it did last and does next."""
    with opened(from_environment()) as db:
        states = schedules.states(db, list(table()))
        now = server_time(db)
    columns = [
        Column(name, no_wrap=True) for name in ("schedule", "rule", "last slot (UTC)", "next", "held by")
    ]
    shown = Table(*columns, box=None)
    for name, schedule in table().items():
        state = states[name]
        last, lease = state.get("last_slot"), state["lease"]
        following = schedule.rule.after(last) if last else schedule.rule.last(now)
        shown.add_row(
            name,
            str(schedule.rule),
            _time(last),
            f"paused: {state['paused']['reason']}" if "paused" in state else _time(following),
            f"token {lease.token}" if lease and lease.held else "",
        )
    Console(highlight=False).print(shown)


@app.command()
def fires(name: Name, limit: Annotated[int, typer.Option(min=1, max=1000)] = 20) -> None:
    """Fires that requested commands, newest first."""
    _check_name(name)
    with opened(from_environment()) as db:
        rows = up_to(limit, schedules.fires(db, name, limit=limit + 1))
    columns = [
        Column(name, no_wrap=True) for name in ("slot (UTC)", "by", "state", "began", "ended", "commands")
    ]
    shown = Table(*columns, box=None)
    for fire in rows:
        times = (_time(fire.get("began_at")), _time(fire.get("ended_at")))
        shown.add_row(_time(fire["slot"]), fire["by"], fire["state"], *times, str(fire["commands"]))
    Console(highlight=False).print(shown if rows else f"{name} has asked for nothing lately.")


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


def _time(at: datetime | None) -> str:
    return f"{at:%m-%d %H:%M:%S}" if at else ""
