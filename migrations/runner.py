"""Brings a database to a numbered state and records what was done, in the collection `migrations`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pymongo.database import Database
from pymongo.write_concern import WriteConcern

from adapters.process.clock import Clock
from migrations.steps import Step

Document = dict[str, Any]
COLLECTION = "migrations"


class Refused(Exception):
    """The record and the files disagree: nothing was changed."""


@dataclass(frozen=True)
class Move:
    """One step in one direction."""

    direction: Literal["up", "down"]
    step: Step

    def __str__(self) -> str:
        return f"{self.direction} {self.step}"


def recorded(db: Database[Document]) -> dict[int, Document]:
    """The records of applied steps, by number."""
    return {record["_id"]: record for record in db[COLLECTION].find().sort("_id")}


def plan(steps: Sequence[Step], records: dict[int, Document], *, to: int | None = None) -> list[Move]:
    """The moves to state `to` (the newest if unset; 0 is empty), in order.

    Raises: Refused: an applied step was edited, is missing, or lies behind one that was not applied.
    """
    by_number = {step.number: step for step in steps}
    _agree(by_number, records)
    newest = max(by_number, default=0)
    target = newest if to is None else to
    if target != 0 and target not in by_number:
        raise Refused(f"there is no migration {target}: the newest is {newest}")
    ups = [Move("up", step) for step in steps if step.number <= target and step.number not in records]
    downs = [
        Move("down", step) for step in reversed(steps) if step.number > target and step.number in records
    ]
    return downs + ups


def _agree(steps: dict[int, Step], records: dict[int, Document]) -> None:
    for number, record in records.items():
        step = steps.get(number)
        if step is None:
            raise Refused(
                f"the database has migration {number:04d} {record['name']}, which this version does not: "
                f"run the newer version, or take it down with that one first"
            )
        if step.checksum != record["checksum"]:
            raise Refused(
                f"migration {step} was changed after it was applied: restore its file and add a new migration"
            )


def run(
    db: Database[Document], moves: Sequence[Move], clock: Clock, *, report: Callable[[Move, int], None]
) -> None:
    """Makes the moves one by one and records each when it is done; `report` is called with it and its
    milliseconds.

    Steps must bear repetition: a process killed between a change and its record makes the change again.
    """
    records = db.get_collection(COLLECTION, write_concern=WriteConcern(w="majority", j=True))
    for move in moves:
        began = clock.monotonic()
        (move.step.up if move.direction == "up" else move.step.down)(db)
        took_ms = round((clock.monotonic() - began) * 1000)
        if move.direction == "up":
            records.insert_one(_record(move.step, clock, took_ms))
        else:
            records.delete_one({"_id": move.step.number})
        report(move, took_ms)


def _record(step: Step, clock: Clock, took_ms: int) -> Document:
    return {
        "_id": step.number,
        "name": step.name,
        "checksum": step.checksum,
        "applied_at": clock.now(),
        "duration_ms": took_ms,
    }
