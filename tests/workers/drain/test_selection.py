"""Which commands of a batch run: the runnable beginning of each target queue, in order of acceptance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from bson.timestamp import Timestamp

from adapters.commands.document import TargetQueue
from adapters.mongo.client import Document
from tasks.catalogue import catalogue
from workers.drain.selection import Selection, choose

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ONE, OTHER = ("t", "part:1"), ("t", "part:2")
_serial = count(1)


def command(**fields: Any) -> Document:
    """A command that may run, accepted after all those made before."""
    plain = {"type": "part.receive", "schema_version": 1, "next_at": NOW, "seq": Timestamp(1, next(_serial))}
    return plain | fields


def chosen(queues: dict[TargetQueue, list[Document]]) -> Selection:
    return choose(queues, catalogue=catalogue(), now=NOW)


def test_commands_of_all_queues_run_in_order_of_acceptance() -> None:
    first, second, third = command(), command(), command()

    assert chosen({ONE: [second], OTHER: [first, third]}) == Selection([first, second, third], [])


def test_a_queue_stops_before_the_first_that_is_not_due() -> None:
    due, later, behind = command(), command(next_at=NOW + timedelta(microseconds=1)), command()

    assert chosen({ONE: [due, later, behind]}).commands == [due]


def test_what_waits_for_another_has_no_time_and_holds_its_queue() -> None:
    waiting, behind = command(), command()
    del waiting["next_at"]

    assert chosen({ONE: [waiting, behind]}).commands == []


def test_what_a_newer_release_must_read_holds_its_queue_and_no_other() -> None:
    newer, unknown, behind, other = (
        command(schema_version=99),
        command(type="part.fold"),
        command(),
        command(),
    )

    assert chosen({ONE: [newer, behind], OTHER: [other]}).commands == [other]
    assert chosen({ONE: [unknown, behind]}).commands == []


def test_a_suspect_runs_in_nobodys_company() -> None:
    suspect, behind, other = command(suspect=True), command(), command()

    together = chosen({ONE: [suspect, behind], OTHER: [other]})
    alone = chosen({ONE: [suspect, behind]})

    assert (together.commands, together.alone) == ([other], [ONE])
    assert (alone.commands, alone.alone) == ([suspect], [ONE]), "what is behind it follows in the next batch"
    assert chosen({ONE: [suspect]}) == Selection([suspect], [])


def test_what_is_before_a_suspect_runs_first_without_it() -> None:
    before, suspect = command(), command(suspect=True)

    assert chosen({ONE: [before, suspect]}) == Selection([before], [ONE])
