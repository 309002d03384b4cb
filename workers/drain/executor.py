"""Draining: a worker takes names of lines and applies what waits in them, many commands to one transaction.

read heads → choose → announce → fold → write → commit. Contention repeats it, and then parts the lines that
somebody holds from the others; data that the store refuses is halved down to the one command to blame.
"""

from __future__ import annotations

import random
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from types import MappingProxyType

import msgspec
from loguru import logger

from adapters.commands.document import State, TargetQueue, is_stored
from adapters.commands.line_heads import PER_BATCH, Heads
from adapters.commands.unit_of_work import UnitOfWork
from adapters.commands.verdicts import Verdict
from adapters.mongo.client import Contention, Document, Unavailable, UnknownOutcome
from locks.idempotency import KEYS_KEPT
from schedules.declaration import Schedule
from tasks.catalogue import Catalogue, contended
from workers.drain.due_checks import Looks
from workers.drain.fold import Forced, fold
from workers.drain.prefetch import foresee
from workers.drain.selection import choose
from workers.drain.snapshot import Numbers, Snapshot

PATIENCE = 4
"""Contentions in a row before a batch is parted."""

DRAIN_LIMIT = timedelta(seconds=5)
"""A drain begins no more batches after this: its lines go back to the pool, far from the watchdog's limit."""

JITTER = timedelta(milliseconds=20)
"""At least half of it after a first contention, then doubled each time."""

LOSERS_PATIENCE = JITTER / 2 * (2**PATIENCE - 1)
"""Between the contentions for which a loser drops its hint. If one batch has brought both, it took longer and
is hinted again; if two have, the second began after ours was hinted, and has seen what it was for."""


class Drained(msgspec.Struct):
    """What a drain did. `again`: lines that have, or may have, more to do now."""

    verdicts: list[Verdict] = []
    again: list[TargetQueue] = []
    failure: Exception | None = None
    """What ended it early. Nothing is lost: the relay hints again."""
    accepted: Counter[str] = msgspec.field(default_factory=Counter)
    """Follow-ups and looks, by type."""

    @property
    def states(self) -> Counter[tuple[str, State]]:
        """How many of each (type, state)."""
        return Counter((verdict.command["type"], verdict.state) for verdict in self.verdicts)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of one batch. `contended`: it has met somebody before, and is tried once.
    `alone_since`: when it first did so as a single line, in seconds; such lines are tried in turn."""

    lines: list[TargetQueue]
    contended: bool = False
    alone_since: float | None = None


class Executor:
    """One slot's drains. Time, ids and chance come from outside."""

    def __init__(
        self,
        uow: UnitOfWork,
        catalogue: Catalogue,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
        new_id: Callable[[], str],
        chance: random.Random,
        keys_kept: timedelta = KEYS_KEPT,
        schedules: Iterable[Schedule] = (),
        solo: threading.Lock | None = None,
    ) -> None:
        """`now` is the server's time and decides what is due; how long something took is `monotonic`'s to
        say, since the server's clock may be set. `schedules` tell what time asks for. `solo` is one for all
        slots of a process: who may be poison runs while no other suspect does, or that one would be blamed
        for the death."""
        self._solo = solo or threading.Lock()
        self._uow = uow
        self._catalogue = catalogue
        self._contended = contended(catalogue)
        self._now = now
        self._monotonic = monotonic
        self._sleep = sleep
        self._new_id = new_id
        self._chance = chance
        self._keys_kept = keys_kept
        self._schedules = schedules
        self._looks: Looks | None = None
        self._announced = False
        self._tried: list[str] = []
        self._at_most = PER_BATCH
        """Commands of a batch: halved when one ran out of time, doubled when one commits."""

    def drain(self, lines: Sequence[TargetQueue], *, looking: bool = False) -> Drained:
        """Apply what is due at the heads of these lines; a failure ends it and is told in the result.

        `looking`: they were hinted for what time may have made due in them.
        """
        done = Drained()
        self._looks = self._new_looks() if looking else None
        left = deque([Part(lines=list(lines))])
        began = self._monotonic()
        while left:
            part = left.popleft()
            if self._since(began) > DRAIN_LIMIT:
                done.again += part.lines
                continue
            try:
                parts = self._persist(part, done)
                # Who holds a line may do so for long, or have died: the others go first.
                left.extend(one for one in parts if one.alone_since is not None)
                left.extendleft(one for one in reversed(parts) if one.alone_since is None)
            except (Contention, UnknownOutcome):
                done.again += part.lines
            except Exception as error:  # noqa: BLE001 - what is committed must be told, whatever came after
                done.failure = error
                break
        return done

    def rest(self) -> None:
        """Nothing runs now: withdraw the announcement, lest a death be blamed on old commands."""
        if not self._announced:
            return
        try:
            self._uow.announce([], self._now())
            self._announced = False
        except Exception as error:  # noqa: BLE001 - what is committed stands, and must be told
            logger.warning("an announcement was not withdrawn", reason=str(error))

    def _since(self, began: float) -> timedelta:
        return timedelta(seconds=self._monotonic() - began)

    def _persist(self, part: Part, done: Drained) -> list[Part]:
        """One batch, repeated under contention. Returns the lines still to drain, in batches."""
        numbers: Numbers = {}
        lines, began = part.lines, self._monotonic()
        met: list[float] = []
        for contentions in range(1 if part.contended else PATIENCE):
            try:
                return [Part(lines=rest) for rest in self._once(lines, done, numbers)]
            except (Contention, UnknownOutcome) as error:
                logger.debug("contended", lines=len(lines), reason=str(error))
                met.append(self._monotonic())
                if self._since(began) > DRAIN_LIMIT:  # commits that time out: no majority, and no use
                    raise Unavailable(str(error)) from error
                self._sleep((1 + self._chance.random()) / 2 * JITTER.total_seconds() * 2**contentions)
            except Unavailable:
                if self._tried:
                    self._at_most = max(1, len(self._tried) // 2)
                raise
            except Exception as error:  # noqa: BLE001 - a fault of ours outside the fold has a culprit too
                return [Part(lines=rest) for rest in self._isolate(lines, error, done, numbers)]
        return parted(part, met)

    def _isolate(
        self, lines: list[TargetQueue], error: Exception, done: Drained, numbers: Numbers
    ) -> list[list[TargetQueue]]:
        """Something of this batch fails for ever, mostly as the store refuses it: halve it between lines, and
        inside one line only as a prefix, so that the second command never runs while the first fails.

        Raises: the error itself when no command was chosen yet: then none is to blame.
        """
        if not self._tried:
            raise error
        if len(lines) > 1:
            return halves(lines)
        size = len(self._tried)
        while size > 1:
            size //= 2
            try:
                return [*self._once(lines, done, numbers, at_most=size), lines]
            except (Contention, UnknownOutcome, Unavailable):
                raise
            except Exception as narrower:  # noqa: BLE001 - as above
                error, size = narrower, min(size, len(self._tried))
        # Judged by its id: somebody else may have settled it meanwhile, and another be the head now.
        forced: Forced = {self._tried[0]: error}
        return [*self._once(lines, done, numbers, at_most=1, forced=forced), lines]

    def _once(
        self,
        lines: list[TargetQueue],
        done: Drained,
        numbers: Numbers,
        *,
        at_most: int | None = None,
        forced: Forced = MappingProxyType({}),
    ) -> list[list[TargetQueue]]:
        now, began = self._now(), self._monotonic()
        self._tried = []
        most = at_most or self._at_most
        # Left last: a suspect that is announced still, be it to be tried again, would be blamed for the next.
        with ExitStack() as alone, self._uow.transaction():
            heads = self._uow.heads(lines)
            choice = choose(heads.lines, catalogue=self._catalogue, now=now)
            snapshot = self._snapshot(now, numbers)
            # What was accepted goes first: then its line is looked at, and a suspect is in no company.
            chosen = choice.commands or self._due(lines, heads, snapshot)
            commands = chosen[:most]
            if not commands:
                return split(heads, choice.alone)
            self._tried = [command["_id"] for command in commands]
            if "suspect" in commands[0]:
                alone.enter_context(self._solo)
                alone.callback(self.rest)
            self._uow.announce(self._tried, now)
            self._announced = True
            self._reserve(commands, numbers)
            # Who is only judged needs nothing read beforehand, which may be what failed.
            self._foresee([c for c in commands if c["_id"] not in forced], snapshot)
            verdicts, held = fold(commands, snapshot, chance=self._chance, forced=forced)
            begun = self._uow.write(snapshot.changes, now=now, keys_kept=self._keys_kept)
        self._at_most = min(2 * self._at_most, PER_BATCH)
        done.verdicts += verdicts
        done.accepted.update(one["type"] for one in snapshot.changes.begun)
        done.accepted.update(one.command["type"] for one in verdicts if not is_stored(one.command))
        # Who lost one of our lines has dropped its hint, perhaps for a command newer than our snapshot.
        is_cut = len(commands) < len(chosen) or snapshot.changes.is_cut
        is_cut |= self._looks is not None and bool(choice.commands)
        reached = [line for line in lines if line not in heads.unread]
        ours = reached if is_cut or self._since(began) >= LOSERS_PATIENCE else heads.more
        done.again += begun + [line for line in ours if line not in held]
        return split(heads, [line for line in choice.alone if line not in held])

    def _snapshot(self, now: datetime, numbers: Numbers) -> Snapshot:
        return Snapshot(
            self._uow,
            catalogue=self._catalogue,
            now=now,
            new_id=self._new_id,
            numbers=numbers,
            contended=self._contended,
        )

    def _due(self, lines: list[TargetQueue], heads: Heads, snapshot: Snapshot) -> list[Document]:
        """The looks that lines without commands make themselves, but for those that were accepted before."""
        if self._looks is None:
            return []
        busy = {*heads.lines, *heads.unread}
        return self._uow.unknown(self._looks.due([line for line in lines if line not in busy], snapshot))

    def _new_looks(self) -> Looks:
        return Looks(self._schedules, catalogue=self._catalogue, new_id=self._new_id)

    def _foresee(self, commands: list[Document], snapshot: Snapshot) -> None:
        foresee(commands, snapshot)
        snapshot.prefetch_actors(_speakers(commands))
        in_lanes = [command for command in commands if "outbox" in command["origin"] or "resolves" in command]
        if in_lanes:
            snapshot.prefetch_blockers({(command["tenant_id"], command["target"]) for command in in_lanes})

    def _reserve(self, commands: list[Document], numbers: Numbers) -> None:
        """Human numbers by one increment of what the batch needs, outside the transaction and never given
        back: gaps are allowed, and a counter inside it would be one hot document per tenant."""
        needed = Counter(
            (command["tenant_id"], kind)
            for command in commands
            if (kind := self._catalogue[command["type"]].numbers)
        )
        for (tenant_id, kind), count in needed.items():
            reserved = numbers.setdefault((tenant_id, kind), deque())
            missing = count - len(reserved)
            if missing > 0:
                reserved.extend(self._uow.take_numbers(tenant_id, kind, missing))


def _speakers(commands: list[Document]) -> set[tuple[str, str]]:
    """The users behind them, and those who vouched for them."""
    named = (
        (command["tenant_id"], user)
        for command in commands
        for user in (command["origin"].get("user_id"), command.get("vouched_by"))
    )
    return {(tenant, user) for tenant, user in named if user is not None}


def halves(lines: list[TargetQueue]) -> list[list[TargetQueue]]:
    middle = len(lines) // 2
    return [lines[:middle], lines[middle:]]


def parted(part: Part, met: list[float]) -> list[Part]:
    """What becomes of contended lines: halves, and single ones in turn while there is patience. `met`: when
    they met somebody."""
    if len(part.lines) > 1:
        return [Part(lines=half, contended=True) for half in halves(part.lines)]
    since = met[0] if part.alone_since is None else part.alone_since
    if timedelta(seconds=met[-1] - since) >= LOSERS_PATIENCE:
        return []  # left to the winner, who hints again if it is not empty
    return [Part(lines=part.lines, contended=True, alone_since=since)]


def split(heads: Heads, alone: list[TargetQueue]) -> list[list[TargetQueue]]:
    """What one batch left: lines it did not reach, and each line that must run alone."""
    return ([heads.unread] if heads.unread else []) + [[line] for line in alone]
