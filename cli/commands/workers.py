"""List the live worker processes, and how many commands each runs now."""

import socket
from typing import Annotated, Any

import typer
from pymongo.database import Database

from adapters.settings.table import from_environment
from cli.database import opened
from cli.tables import AsJson, print_rows


def main(
    pids: Annotated[bool, typer.Option("--pids", help="only the process ids of this machine's")] = False,
    as_json: AsJson = False,
) -> None:
    with opened(from_environment()) as db:
        workers = list(db.workers.find().sort("_id", 1))
        if pids:
            here = socket.gethostname()
            typer.echo("\n".join(str(worker["pid"]) for worker in workers if worker["host"] == here))
            return
        rows = _rows(db, workers)
    columns = ("worker", "host", "pid", "slots", "silent_s", "running")
    print_rows(rows, columns, as_json=as_json, empty="No worker has been heard: is one running?")


def _rows(db: Database[dict[str, Any]], workers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each worker; a dead one is listed until the reaper removes it."""
    now = db.command("hello", codec_options=db.codec_options)["localTime"]
    running: dict[str, int] = {}
    for batch in db.batches.find({}, {"worker": 1, "ids": 1}):
        running[batch["worker"]] = running.get(batch["worker"], 0) + len(batch["ids"])
    return [
        {
            "worker": worker["_id"],
            "host": worker["host"],
            "pid": worker["pid"],
            "slots": worker["slots"],
            "silent_s": round(max((now - worker["heartbeat_at"]).total_seconds(), 0)),
            "running": running.get(worker["_id"], 0),
        }
        for worker in workers
    ]
