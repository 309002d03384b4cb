"""Which of the commands read may run in this batch: the runnable beginning of each target queue."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from adapters.commands.document import TargetQueue
from adapters.mongo.client import Document
from domain.kinds import ENTITIES
from tasks.catalogue import Catalogue


class Selection(msgspec.Struct, frozen=True):
    """`commands` run together, in order of acceptance. `alone`: target queues that continue in a batch of
    their own, since a worker died with a command of theirs."""

    commands: list[Document]
    alone: list[TargetQueue]


def choose(queues: Mapping[TargetQueue, list[Document]], *, catalogue: Catalogue, now: datetime) -> Selection:
    """A target queue stops before the first command that is not due, that waits, that a newer release must
    read, or that is suspect; a suspect at the head of the only queue runs, alone."""
    chosen: list[Document] = []
    alone: list[TargetQueue] = []
    for queue, commands in queues.items():
        for place, command in enumerate(commands):
            if not _is_due(command, now) or _is_newer(command, catalogue):
                break
            if command.get("suspect"):
                runs_now = place == 0 and len(queues) == 1
                if runs_now:
                    chosen.append(command)
                if not runs_now or len(commands) > 1:
                    alone.append(queue)
                break
            chosen.append(command)
    chosen.sort(key=lambda command: (command["seq"].time, command["seq"].inc))
    return Selection(chosen, alone)


def _is_due(command: Document, now: datetime) -> bool:
    # One that waits for another has no `next_at` at all.
    next_at = command.get("next_at")
    return next_at is not None and bool(next_at <= now)


def _is_newer(command: Document, catalogue: Catalogue) -> bool:
    spec = catalogue.get(command["type"])
    return spec is None or spec.kind not in ENTITIES or command["schema_version"] > spec.schema_version
