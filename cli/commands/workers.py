"""List the worker processes that have been heard lately, and how much each runs now."""

import socket
from typing import Annotated, Any

import typer
from pymongo.database import Database
from rich.console import Console
from rich.table import Column, Table

from adapters.settings.table import from_environment
from cli.database import opened


def main(
    pids: Annotated[bool, typer.Option("--pids", help="only the process ids of this machine's")] = False,
) -> None:
    with opened(from_environment()) as db:
        found = list(db.workers.find().sort("_id", 1))
        if pids:
            here = socket.gethostname()
            typer.echo("\n".join(str(worker["pid"]) for worker in found if worker["host"] == here))
            return
        shown = _table(db, found)
    Console(highlight=False).print(shown if found else "No worker has been heard: is one running?")


def _table(db: Database[dict[str, Any]], found: list[dict[str, Any]]) -> Table:
    """A silent one is listed until the reaper has judged it."""
    now = db.command("hello", codec_options=db.codec_options)["localTime"]
    running: dict[str, int] = {}
    for batch in db.batches.find({}, {"worker": 1, "ids": 1}):
        running[batch["worker"]] = running.get(batch["worker"], 0) + len(batch["ids"])
    # The id is what one copies: it is never cut.
    shown = Table(Column("worker", no_wrap=True), "host", "pid", "slots", "heard", "runs", box=None)
    for worker in found:
        silent_s = max((now - worker["heartbeat_at"]).total_seconds(), 0)
        shown.add_row(
            worker["_id"],
            worker["host"],
            str(worker["pid"]),
            str(worker["slots"]),
            f"{silent_s:.0f} s ago",
            f"{running.get(worker['_id'], 0)} commands",
        )
    return shown
