"""One batch, from the target queues that it was given to what it wrote: a value, handed from step to step."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from types import MappingProxyType

import msgspec

from adapters.commands.document import TargetQueue
from adapters.commands.line_heads import PER_BATCH, Heads
from adapters.mongo.client import Document
from workers.drain.due_checks import DueChecks
from workers.drain.fold import Forced
from workers.drain.snapshot import Numbers, Snapshot


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Given: `queues`, `numbers` (human numbers reserved by earlier tries), `at_most` commands, `forced`
    verdicts, and `due_checks` if the queues were hinted for those. The steps add the rest."""

    queues: Sequence[TargetQueue]
    numbers: Numbers
    at_most: int = PER_BATCH
    forced: Forced = MappingProxyType({})
    due_checks: DueChecks | None = None


class Read(Batch, frozen=True, kw_only=True):
    """Read: the first commands of each queue, at `now`. `snapshot` is where the batch does its work."""

    now: datetime
    heads: Heads
    snapshot: Snapshot


class Chosen(Read, frozen=True, kw_only=True):
    """Chosen: the `commands` that run. `alone`: queues that continue in batches of their own. `is_cut`:
    whether runnable commands were left."""

    commands: Sequence[Document]
    alone: Sequence[TargetQueue]
    is_cut: bool

    @property
    def ids(self) -> list[str]:
        return [command["_id"] for command in self.commands]

    @property
    def is_suspect(self) -> bool:
        """Whether a worker has died with its first command, which then is its only one."""
        return "suspect" in self.commands[0]


class Folded(Chosen, frozen=True, kw_only=True):
    """Folded: the queues that are `held`; verdicts and changes are in the snapshot."""

    held: AbstractSet[TargetQueue]


class Written(Folded, frozen=True, kw_only=True):
    """Written: the queues that its commands woke or began."""

    woken: Sequence[TargetQueue]


def left_of(batch: Chosen) -> list[list[TargetQueue]]:
    """What a batch left for the next ones: queues it did not reach, and each queue that must run alone."""
    held: AbstractSet[TargetQueue] = batch.held if isinstance(batch, Folded) else frozenset()
    unread = [batch.heads.unread] if batch.heads.unread else []
    return unread + [[queue] for queue in batch.alone if queue not in held]
