"""Draining: a worker takes names of target queues and applies what waits in them, many commands to one
transaction.

One batch is the six steps of `pipeline.py`. Contention repeats it, and then parts the queues that somebody
holds from the others; data that the store refuses is halved down to the one command to blame.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import timedelta

import msgspec
from loguru import logger

from adapters.commands.document import State, TargetQueue, is_stored
from adapters.commands.line_heads import PER_BATCH
from adapters.commands.unit_of_work import UnitOfWork
from adapters.commands.verdicts import Verdict
from adapters.mongo.client import Contention, Unavailable, UnknownOutcome
from adapters.process.sources import Sources
from schedules.declaration import Schedule
from tasks.catalogue import Catalogue
from workers.drain.batch import Batch, Chosen, Written, left_of
from workers.drain.due_checks import DueChecks
from workers.drain.parting import JITTER, LOSER_WAITS, PATIENCE, Part, halves, parted
from workers.drain.pipeline import Pipeline

DRAIN_LIMIT = timedelta(seconds=5)
"""A drain begins no more batches after this: its queues return to the pool, far from the watchdog's limit."""


class Drained(msgspec.Struct):
    """What a drain did. `again`: queues that have, or may have, more to do now."""

    verdicts: list[Verdict] = []
    again: list[TargetQueue] = []
    failure: Exception | None = None
    """What ended it early. Nothing is lost: the relay hints again."""
    accepted: Counter[str] = msgspec.field(default_factory=Counter)
    """Follow-ups and due checks, by type."""

    @property
    def states(self) -> Counter[tuple[str, State]]:
        """How many of each (type, state)."""
        return Counter((verdict.command["type"], verdict.state) for verdict in self.verdicts)


class Failed(msgspec.Struct, frozen=True):
    """A batch that was not written: how far it came, and why."""

    batch: Batch
    error: Exception

    @property
    def ids(self) -> list[str]:
        """The commands that were to run; none, if it failed before they were chosen."""
        return self.batch.ids if isinstance(self.batch, Chosen) else []


class BatchSize:
    """Most commands of a slot's next batch: halved when one ran out of time, doubled when one commits."""

    def __init__(self) -> None:
        self.most = PER_BATCH

    def halve(self, tried: int) -> None:
        if tried:
            self.most = max(1, tried // 2)

    def double(self) -> None:
        self.most = min(2 * self.most, PER_BATCH)


class Executor:
    """One slot's drains."""

    def __init__(
        self,
        uow: UnitOfWork,
        catalogue: Catalogue,
        sources: Sources,
        *,
        keys_kept: timedelta,
        schedules: Iterable[Schedule] = (),
        solo: threading.Lock | None = None,
    ) -> None:
        """`schedules` say what time asks for. `solo` is one lock for all slots of a process: a suspect runs
        while no other one does, or that one would be blamed for the death."""
        self._uow = uow
        self._catalogue = catalogue
        self._sources = sources
        self._schedules = schedules
        self._solo = solo or threading.Lock()
        self._pipeline = Pipeline(uow, catalogue, sources, keys_kept=keys_kept)
        self._size = BatchSize()

    def drain(self, queues: Sequence[TargetQueue], *, checking: bool = False) -> Drained:
        """Apply what is due at the heads of these queues; a failure ends it and is in the result.

        `checking`: they were hinted for what time may have made due in them.
        """
        done = Drained()
        checks = None
        if checking:
            new_id = self._sources.new_id
            checks = DueChecks(self._schedules, catalogue=self._catalogue, new_id=new_id)
        left = deque([Part(queues=list(queues))])
        began = self._sources.monotonic()
        while left:
            part = left.popleft()
            if self._since(began) > DRAIN_LIMIT:
                done.again += part.queues
                continue
            try:
                parts = self._persist(part, checks, done)
            except (Contention, UnknownOutcome):
                done.again += part.queues
            except Exception as error:  # noqa: BLE001 - what is committed is reported, whatever came after
                done.failure = error
                break
            else:
                # Whoever holds a queue may do so for long, or have died: the others go first.
                left.extend(one for one in parts if one.alone_since is not None)
                left.extendleft(one for one in reversed(parts) if one.alone_since is None)
        return done

    def rest(self) -> None:
        """Nothing runs now: withdraw the announcement, lest a death be blamed on commands that have ended."""
        try:
            self._uow.withdraw(self._sources.now)
        except Exception as error:  # noqa: BLE001 - what is committed stands, and is to be reported
            logger.warning("an announcement was not withdrawn", reason=str(error))

    def _since(self, began: float) -> timedelta:
        return timedelta(seconds=self._sources.monotonic() - began)

    def _persist(self, part: Part, checks: DueChecks | None, done: Drained) -> list[Part]:
        """One batch, repeated under contention. Returns the queues still to drain, in parts.

        Raises: Contention, UnknownOutcome, Unavailable, or what fails before a command was chosen.
        """
        batch = Batch(queues=part.queues, numbers={}, at_most=self._size.most, due_checks=checks)
        began = self._sources.monotonic()
        contentions: list[float] = []
        for count in range(1 if part.contended else PATIENCE):
            match self._run(batch, done):
                case Failed(error=Contention() | UnknownOutcome() as error):
                    logger.debug("contended", queues=len(part.queues), reason=str(error))
                    contentions.append(self._sources.monotonic())
                    if self._since(began) > DRAIN_LIMIT:  # commits time out: no majority, and no use
                        raise Unavailable(str(error)) from error
                    jitter = (1 + self._sources.chance.random()) / 2 * JITTER.total_seconds()
                    self._sources.sleep(jitter * 2**count)
                case Failed(error=Unavailable() as error, ids=ids):
                    self._size.halve(len(ids))
                    raise error
                case Failed() as failed:  # a fault of ours outside the fold has a culprit too
                    return [Part(queues=rest) for rest in self._isolate(failed, done)]
                case left:
                    return [Part(queues=rest) for rest in left]
        return parted(part, contentions)

    def _isolate(self, failed: Failed, done: Drained) -> list[list[TargetQueue]]:
        """Something of this batch fails every time, mostly as the store refuses it: halve it between queues,
        and inside one queue only as a prefix, so that the second command never runs while the first fails.

        Raises: the error itself when no command was chosen yet: then none is to blame.
        """
        queues = list(failed.batch.queues)
        if not failed.ids:
            raise failed.error
        if len(queues) > 1:
            return halves(queues)
        batch = Batch(queues=queues, numbers=failed.batch.numbers, due_checks=failed.batch.due_checks)
        size = len(failed.ids)
        while size > 1:
            size //= 2
            result = self._run(msgspec.structs.replace(batch, at_most=size), done)
            if not isinstance(result, Failed):
                return [*result, queues]
            if isinstance(result.error, Contention | UnknownOutcome | Unavailable):
                raise result.error
            failed, size = result, min(size, len(result.ids))
        # Judged by its id: somebody else may have ended it meanwhile, and another be the head now.
        forced = {failed.ids[0]: failed.error}
        result = self._run(msgspec.structs.replace(batch, at_most=1, forced=forced), done)
        if isinstance(result, Failed):
            raise result.error
        return [*result, queues]

    def _run(self, batch: Batch, done: Drained) -> list[list[TargetQueue]] | Failed:
        """All steps of one batch in one transaction. Returns the queues that it left for the next ones."""
        steps, began = self._pipeline, self._sources.monotonic()
        try:
            # Left last: a suspect that is announced still, be it to be tried again, would be blamed for the
            # next one.
            with ExitStack() as alone, self._uow.transaction():
                batch = chosen = steps.choose(steps.read(batch))
                if not chosen.commands:
                    return left_of(chosen)
                if chosen.is_suspect:
                    alone.enter_context(self._solo)
                    alone.callback(self.rest)
                written = steps.write(steps.fold(steps.prefetch(steps.announce(chosen))))
        except Exception as error:  # noqa: BLE001 - whoever called decides by its kind
            return Failed(batch, error)
        self._size.double()
        self._report(written, done, took=self._since(began))
        return left_of(written)

    def _report(self, batch: Written, done: Drained, *, took: timedelta) -> None:
        changes = batch.snapshot.changes
        done.verdicts += changes.verdicts
        done.accepted.update(one["type"] for one in changes.accepted_follow_ups)
        done.accepted.update(one.command["type"] for one in changes.verdicts if not is_stored(one.command))
        # Who lost one of our queues has dropped its hint, perhaps for a command newer than our snapshot.
        again: Sequence[TargetQueue] = batch.heads.more
        if batch.is_cut or changes.is_cut or took >= LOSER_WAITS:
            again = [queue for queue in batch.queues if queue not in batch.heads.unread]
        done.again += [*batch.woken, *(queue for queue in again if queue not in batch.held)]
