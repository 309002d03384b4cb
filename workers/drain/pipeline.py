"""The steps of one batch: read → choose → announce → prefetch → fold → write.

Each takes the batch as the step before left it and returns it with what it added; between them nothing is
remembered. They run inside one transaction, which the executor opens and commits.
"""

from __future__ import annotations

from collections import Counter, deque
from datetime import timedelta

import msgspec

from adapters.commands.unit_of_work import UnitOfWork
from adapters.mongo.client import Document
from adapters.process.sources import Sources
from tasks.catalogue import Catalogue, contended
from workers.drain import selection
from workers.drain.batch import Batch, Chosen, Folded, Read, Written
from workers.drain.fold import fold
from workers.drain.prefetch import prefetch
from workers.drain.snapshot import Snapshot


class Pipeline:
    """The steps of one slot's batches."""

    def __init__(
        self, uow: UnitOfWork, catalogue: Catalogue, sources: Sources, *, keys_kept: timedelta
    ) -> None:
        self._uow = uow
        self._catalogue = catalogue
        self._contended = contended(catalogue)
        self._sources = sources
        self._keys_kept = keys_kept

    def read(self, batch: Batch) -> Read:
        """The first commands of each queue, within one batch's bounds."""
        now = self._sources.now()
        snapshot = Snapshot(
            self._uow,
            self._catalogue,
            now=now,
            new_id=self._sources.new_id,
            numbers=batch.numbers,
            contended=self._contended,
        )
        heads = self._uow.heads(batch.queues)
        return Read(**msgspec.structs.asdict(batch), now=now, heads=heads, snapshot=snapshot)

    def choose(self, batch: Read) -> Chosen:
        """The commands that may run; without any, the due checks that the queues were hinted for."""
        selected = selection.choose(batch.heads.lines, catalogue=self._catalogue, now=batch.now)
        # Accepted commands go first: then their queue is checked, and a suspect runs in no company.
        runnable = selected.commands or self._due_checks(batch)
        commands = runnable[: batch.at_most]
        is_unchecked = batch.due_checks is not None and bool(selected.commands)
        return Chosen(
            **msgspec.structs.asdict(batch),
            commands=commands,
            alone=selected.alone,
            is_cut=len(commands) < len(runnable) or is_unchecked,
        )

    def _due_checks(self, batch: Read) -> list[Document]:
        """For queues without commands; none of those that were accepted as commands before."""
        if batch.due_checks is None:
            return []
        busy = {*batch.heads.lines, *batch.heads.unread}
        idle = [queue for queue in batch.queues if queue not in busy]
        return self._uow.unknown(batch.due_checks.due(idle, batch.snapshot))

    def announce(self, batch: Chosen) -> Chosen:
        """Say outside the transaction what is about to run: the reaper's evidence, should we die."""
        self._uow.announce(batch.ids, batch.now)
        return batch

    def prefetch(self, batch: Chosen) -> Chosen:
        """Reserve human numbers, and read what the handlers are going to need."""
        self._reserve_numbers(batch)
        # A forced verdict needs nothing read beforehand: that may be what failed.
        prefetch([one for one in batch.commands if one["_id"] not in batch.forced], batch.snapshot)
        return batch

    def _reserve_numbers(self, batch: Chosen) -> None:
        """By one increment of what the batch needs, outside the transaction and never given back: gaps are
        allowed, and a counter inside it would be one hot document per tenant."""
        needed = Counter(
            (command["tenant_id"], kind)
            for command in batch.commands
            if (kind := self._catalogue[command["type"]].numbers)
        )
        for (tenant_id, kind), count in needed.items():
            reserved = batch.numbers.setdefault((tenant_id, kind), deque())
            missing = count - len(reserved)
            if missing > 0:
                reserved.extend(self._uow.take_numbers(tenant_id, kind, missing))

    def fold(self, batch: Chosen) -> Folded:
        """Run the commands, one on the state that the other leaves."""
        held = fold(batch.commands, batch.snapshot, chance=self._sources.chance, forced=batch.forced)
        return Folded(**msgspec.structs.asdict(batch), held=held)

    def write(self, batch: Folded) -> Written:
        """Write all that follows; durable once the transaction has committed."""
        woken = self._uow.write(batch.snapshot.changes, now=batch.now, keys_kept=self._keys_kept)
        return Written(**msgspec.structs.asdict(batch), woken=woken)
