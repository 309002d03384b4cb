"""What a schedule asks for: as a command, and what of it was asked for of late."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from math import inf

import msgspec

from adapters.commands.document import Key, Origin, fingerprint, fresh, target_of
from adapters.mongo.client import Document
from schedules.declaration import CommandRequest
from tasks.catalogue import Catalogue

SCOPE = "schedule"

ASK_AGAIN = timedelta(seconds=60)
"""What was asked for and is still due is on its way: it is asked for again only after so long. It is
remembered for twice as long, so that a second time tells of a hint that was lost."""

REMEMBERED = 200_000


def command_for(asked: CommandRequest, *, by: str, catalogue: Catalogue, id: str, now: datetime) -> Document:
    """The fresh command that the schedule `by` asks for."""
    spec = catalogue[asked.type]
    target_id = spec.target_id(msgspec.convert(asked.payload, spec.payload), None)
    assert target_id is not None, f"{asked.type}: a schedule names what it is about"
    return fresh(
        spec,
        id=id,
        tenant_id=asked.tenant_id,
        target=target_of(spec, target_id),
        payload=asked.payload,
        origin=Origin(via="schedule", request_id=by),
        key=Key(SCOPE, asked.key, fingerprint(spec.type, asked.payload, None)),
        accepted_at=now,
        queue="time",
    )


class Memory:
    """What one runner has asked for of late."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._asked: OrderedDict[tuple[str, str], float] = OrderedDict()

    def due(self, asked: Iterable[CommandRequest]) -> Iterator[CommandRequest]:
        """Those that were not asked for within ASK_AGAIN."""
        span, now = ASK_AGAIN.total_seconds(), self._monotonic()
        while self._asked and next(iter(self._asked.values())) < now - 2 * span:
            self._asked.popitem(last=False)
        return (one for one in asked if self._asked.get(_name(one), -inf) <= now - span)

    def knows(self, asked: CommandRequest) -> bool:
        return _name(asked) in self._asked

    def note(self, asked: Iterable[CommandRequest]) -> None:
        """They have just been asked for."""
        for one in asked:
            self._asked[_name(one)] = self._monotonic()
            self._asked.move_to_end(_name(one))
        while len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)


def _name(asked: CommandRequest) -> tuple[str, str]:
    return asked.tenant_id, asked.key
