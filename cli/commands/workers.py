"""List the live worker processes, and how many commands each runs now."""

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
        workers = list(db.workers.find().sort("_id", 1))
        if pids:
            here = socket.gethostname()
            typer.echo("\n".join(str(worker["pid"]) for worker in workers if worker["host"] == here))
            return
        shown = _table(db, workers)
    Console(highlight=False).print(shown if workers else "No worker has been heard: is one running?")


def _table(db: Database[dict[str, Any]], workers: list[dict[str, Any]]) -> Table:
    """The table of workers; a dead one is listed until the reaper removes it."""
    now = db.command("hello", codec_options=db.codec_options)["localTime"]
    running: dict[str, int] = {}
    for batch in db.batches.find({}, {"worker": 1, "ids": 1}):
        running[batch["worker"]] = running.get(batch["worker"], 0) + len(batch["ids"])
    # Ids are copied, so they are never cut.
    shown = Table(Column("worker", no_wrap=True), "host", "pid", "slots", "heard", "runs", box=None)
    for worker in workers:
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
