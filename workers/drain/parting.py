"""Parts contended target queues, so that those that somebody holds do not keep the others waiting."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from adapters.commands.document import TargetQueue

PATIENCE = 4
"""Contentions in a row before a batch is parted."""

JITTER = timedelta(milliseconds=20)
"""At least half of it after a first contention, then doubled each time."""

LOSER_WAITS = JITTER / 2 * (2**PATIENCE - 1)
"""A single queue that meets contention for so long drops its hint; the winner hints it again. A transaction
that took longer than this hints all its queues again. A later one began after the dropped hint was sent, and
has seen the command that it was for."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Target queues of one batch. `contended`: they have met contention before, and are tried once.
    `alone_since`: when the only queue first did so alone, in seconds; such queues are tried in turn."""

    queues: list[TargetQueue]
    contended: bool = False
    alone_since: float | None = None


def halves(queues: list[TargetQueue]) -> list[list[TargetQueue]]:
    middle = len(queues) // 2
    return [queues[:middle], queues[middle:]]


def parted(part: Part, contentions: list[float]) -> list[Part]:
    """What to try next of a contended part: its halves; a single queue again, in turn, while there is
    patience. `contentions`: when they were, in seconds."""
    if len(part.queues) > 1:
        return [Part(queues=half, contended=True) for half in halves(part.queues)]
    since = contentions[0] if part.alone_since is None else part.alone_since
    if timedelta(seconds=contentions[-1] - since) >= LOSER_WAITS:
        return []  # left to the winner, who hints it again if it is not empty
    return [Part(queues=part.queues, contended=True, alone_since=since)]
