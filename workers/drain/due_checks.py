"""Due checks: commands that time asks for, made where they are applied.

A target queue that is hinted for a due check, and in which no command waits, makes the command itself, and
it is stored as it ended. To accept it where it was found due, hint it, read it and write its verdict in turn
would cost half as much again. A hint may be lost: then it is asked for again, as a command like any other
(`workers/schedules/runner.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from adapters.commands.changes import Ref
from adapters.commands.document import TargetQueue
from adapters.mongo.client import Document, document_id
from schedules.declaration import DueCheck, Schedule
from tasks.catalogue import Catalogue
from workers.drain.snapshot import Snapshot
from workers.schedules.requests import command_for

LEEWAY = timedelta(seconds=2)
"""Allowed clock skew between the process that found it due and this one."""


class DueChecks:
    """What schedules check, by kind of entity. For one drain: a batch that is repeated, or halved to find a
    culprit, gets the same commands again."""

    def __init__(
        self, schedules: Iterable[Schedule], *, catalogue: Catalogue, new_id: Callable[[], str]
    ) -> None:
        self._known = {one.due_check.at.kind: (one.name, one.due_check) for one in schedules if one.due_check}
        self._catalogue = catalogue
        self._new_id = new_id
        self._commands: dict[tuple[TargetQueue, datetime], Document] = {}

    def due(self, queues: Sequence[TargetQueue], snapshot: Snapshot) -> list[Document]:
        """A command for each of these targets whose time has come."""
        kinds = ((queue, queue[1].partition(":")[0]) for queue in queues)
        checked = [(queue, *self._known[kind]) for queue, kind in kinds if kind in self._known]
        snapshot.prefetch({_ref(queue, check) for queue, _, check in checked})
        commands: list[Document] = []
        for queue, by, check in checked:
            document = snapshot.slot(_ref(queue, check)).document
            at = document.get(check.field) if document else None
            if at is not None and at <= snapshot.now + LEEWAY:
                commands.append(self._command(queue, at, by, check, snapshot.now))
        return commands

    def _command(self, queue: TargetQueue, at: datetime, by: str, check: DueCheck, now: datetime) -> Document:
        if (queue, at) not in self._commands:
            request = check.request(queue[0], queue[1].partition(":")[2], at)
            self._commands[queue, at] = command_for(
                request, by=by, catalogue=self._catalogue, id=self._new_id(), now=now
            )
        return self._commands[queue, at]


def _ref(queue: TargetQueue, check: DueCheck) -> Ref:
    return check.at.collection, document_id(queue[0], queue[1].partition(":")[2])
