"""Looks: commands that time asks for, made where they are applied.

A line that is hinted for it, and in which no command waits, makes its own, and that is stored as it ended.
Accepted by whoever found it due, hinted, read and settled in turn it would cost half as much again.
A hint may be lost: who found it due asks again, then by a command like any other
(`workers/schedules/runner.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from adapters.commands.document import TargetQueue
from adapters.commands.verdicts import Ref
from adapters.mongo.client import Document, document_id
from schedules.declaration import DueCheck, Schedule
from tasks.catalogue import Catalogue
from workers.drain.snapshot import Snapshot
from workers.schedules.requests import command_for

LEEWAY = timedelta(seconds=2)
"""By so much the clock by which it was found due may be ahead of ours."""

NewId = Callable[[], str]


class Looks:
    """What schedules look at, by kind of entity. For one drain."""

    def __init__(self, schedules: Iterable[Schedule], *, catalogue: Catalogue, new_id: NewId) -> None:
        self._known = {one.due_check.at.kind: (one.name, one.due_check) for one in schedules if one.due_check}
        self._catalogue = catalogue
        self._new_id = new_id
        self._made: dict[tuple[TargetQueue, datetime], Document] = {}
        """A batch that is repeated, or halved to find who is to blame, has the same ones."""

    def due(self, lines: Sequence[TargetQueue], snapshot: Snapshot) -> list[Document]:
        """A look at the entity of each of these lines whose time has come."""
        kinds = ((line, line[1].partition(":")[0]) for line in lines)
        watched = [(line, *self._known[kind]) for line, kind in kinds if kind in self._known]
        snapshot.prefetch({_ref(line, look) for line, _, look in watched})
        found: list[Document] = []
        for line, by, look in watched:
            document = snapshot.slot(_ref(line, look)).document
            at = document.get(look.field) if document else None
            if at is not None and at <= snapshot.now + LEEWAY:
                found.append(self._at(line, at, by, look, snapshot.now))
        return found

    def _at(self, line: TargetQueue, at: datetime, by: str, look: DueCheck, now: datetime) -> Document:
        if (line, at) not in self._made:
            asked = look.request(line[0], line[1].partition(":")[2], at)
            made = command_for(asked, by=by, catalogue=self._catalogue, id=self._new_id(), now=now)
            self._made[line, at] = made
        return self._made[line, at]


def _ref(line: TargetQueue, look: DueCheck) -> Ref:
    return look.at.collection, document_id(line[0], line[1].partition(":")[2])
