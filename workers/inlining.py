"""Inlining: a follow-up that makes its own entity is applied in the very batch of its parent.

It is what the next batch would do, in the same transaction: nobody hints it, reads it again and updates it.
Whatever does not plainly apply is left to the ordinary way, as if it had never been tried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import msgspec

from adapters.heads import BYTES
from adapters.hints import Line
from adapters.mongo import Contention, Document, Unavailable, UnknownOutcome
from adapters.unit_of_work import UnitOfWork
from adapters.verdicts import Verdict
from workers.fold import applied
from workers.foresight import foresee, ref_of
from workers.snapshot import Snapshot


def inline(
    snapshot: Snapshot, uow: UnitOfWork, *, reserve: Callable[[list[Document]], None], room: int
) -> None:
    """Apply what may be of the batch's follow-ups, and of theirs; the others stay `changes.follow_ups`.

    At most `room` of them, and BYTES of payload: as much again as the batch itself may have. `reserve` takes
    human numbers for those it is given. Raises: Contention, UnknownOutcome, Unavailable.
    """
    changes, size = snapshot.changes, 0
    ordinary: list[Document] = []
    seen: set[Line] = set()
    while wave := changes.follow_ups:
        changes.follow_ups = []
        chosen, size = _fitting(_alone(wave, seen, snapshot), room - len(changes.inlined), size)
        free = _free(chosen, snapshot, uow)
        if free:
            reserve([command for command in wave if command["_id"] in free])
        for command in wave:
            verdict = _applied(command, snapshot) if command["_id"] in free else None
            if verdict is None:
                ordinary.append(command)
            else:
                changes.inlined.append(verdict)
    changes.follow_ups = ordinary


def _line(command: Document) -> Line:
    return command["tenant_id"], command["target"]


def _alone(wave: list[Document], seen: set[Line], snapshot: Snapshot) -> list[Document]:
    """Creates that are the only ones of their line: between two of a line the order would be at stake.

    Follow-ups on entities that exist already are never inlined: many of them meet in one hot document.
    """
    count = Counter(map(_line, wave))
    specs = ((command, snapshot.catalogue[command["type"]]) for command in wave)
    found = [
        command
        for command, spec in specs
        if spec.creates and spec.of == "payload" and count[_line(command)] == 1 and _line(command) not in seen
    ]
    seen |= count.keys()
    return found


def _fitting(commands: list[Document], room: int, size: int) -> tuple[list[Document], int]:
    """As many as there is room for, and what their payloads come to with those before them, in bytes."""
    taken: list[Document] = []
    for command in commands[: max(room, 0)]:
        size += len(msgspec.json.encode(command["payload"]))
        if size > BYTES:
            break
        taken.append(command)
    return taken, size


def _free(commands: list[Document], snapshot: Snapshot, uow: UnitOfWork) -> set[str]:
    """Ids of those that are not accepted yet, for which nothing waits, and whose entity is not there yet."""
    if not commands:
        return set()
    free = uow.unknown(commands)
    busy = uow.busy({_line(command) for command in free})
    free = [command for command in free if _line(command) not in busy]
    foresee(free, snapshot)
    return {command["_id"] for command in free if snapshot.slot(ref_of(command)).document is None}


def _applied(command: Document, snapshot: Snapshot) -> Verdict | None:
    try:
        return applied(command, snapshot)
    except (Contention, UnknownOutcome, Unavailable):
        raise  # the store's, met while reading on demand
    except Exception:  # noqa: BLE001 - its own batch meets the same, and judges it by the table of endings
        return None
