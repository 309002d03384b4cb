"""Which of the commands read may run in this batch: the runnable beginning of each line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from adapters.commands.document import TargetQueue
from adapters.mongo.client import Document
from domain.kinds import ENTITIES
from tasks.catalogue import Catalogue


class Choice(msgspec.Struct, frozen=True):
    """`commands` run together, in order of acceptance. `alone`: lines that go on by themselves, as a worker
    died with a command of theirs: it runs in a transaction of its own, next or now with others behind it."""

    commands: list[Document]
    alone: list[TargetQueue]


def choose(lines: Mapping[TargetQueue, list[Document]], *, catalogue: Catalogue, now: datetime) -> Choice:
    """A line stops before the first command that is not due, that waits, that a newer release must read, or
    that is suspect; a suspect at the head of the only line runs, alone."""
    chosen: list[Document] = []
    alone: list[TargetQueue] = []
    for line, commands in lines.items():
        for place, command in enumerate(commands):
            if not _is_due(command, now) or _is_newer(command, catalogue):
                break
            if command.get("suspect"):
                runs_now = place == 0 and len(lines) == 1
                if runs_now:
                    chosen.append(command)
                if not runs_now or len(commands) > 1:
                    alone.append(line)
                break
            chosen.append(command)
    chosen.sort(key=lambda command: (command["seq"].time, command["seq"].inc))
    return Choice(chosen, alone)


def _is_due(command: Document, now: datetime) -> bool:
    # One that waits for another has no `next_at` at all.
    next_at = command.get("next_at")
    return next_at is not None and bool(next_at <= now)


def _is_newer(command: Document, catalogue: Catalogue) -> bool:
    spec = catalogue.get(command["type"])
    return spec is None or spec.kind not in ENTITIES or command["schema_version"] > spec.schema_version
