"""Runs schedules: which slots are due, one fire after another, each under the schedule's lease.

The lease saves work. What makes a fire happen once is that its commands' keys come from their meaning. Looks
are first asked for by a hint alone (`workers/drain/due_checks.py`), and accepted as commands if they are
due still.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, islice
from typing import Any

from loguru import logger
from pymongo.database import Database

from adapters.broker import hints
from adapters.broker.hints import LOOKS, HintBroker, Unheard
from adapters.commands.acceptance import Accepted, accept_many
from adapters.commands.document import FINAL, TargetQueue
from adapters.mongo.client import Document
from adapters.mongo.server_time import server_time
from adapters.process.clock import SystemClock
from adapters.process.ids import Ids
from adapters.process.metrics import Metrics
from adapters.schedules.due import DueReader
from adapters.schedules.fires import Fire, Fires
from adapters.settings.table import Settings
from locks.keeper import Keeper
from locks.lease import Leases
from schedules.declaration import CommandRequest, Schedule, due_slots
from schedules.table import table
from tasks.catalogue import Catalogue, catalogue
from workers.duties.duty import Duty
from workers.schedules.requests import Memory, command_for

PAGE = 1_000
MOST = 20_000
"""Commands and hints of one fire; what is left is asked for by the next."""

MOST_TIME = timedelta(seconds=3)
"""Of one fire: a duty's tick has five."""

LOOK_EVERY = timedelta(seconds=1)
MOMENT = timedelta(milliseconds=1)
Now = Callable[[], datetime]


class Runner:
    """Runs one schedule; `tick` as often as you like. `term` is the leadership's token, None outside one."""

    def __init__(
        self,
        schedule: Schedule,
        db: Database[Document],
        leases: Leases,
        catalogue: Catalogue,
        *,
        told: Settings,
        hint: Callable[[str, Sequence[TargetQueue]], None],
        now: Now,
        new_id: Callable[[], str],
        monotonic: Callable[[], float],
        metrics: Metrics,
        term: int | None = None,
        by_hint: bool = True,
    ) -> None:
        """`by_hint`: looks are first asked for by a hint alone; not by who will not be there to ask again."""
        self.schedule = schedule
        self._look = schedule.due_check if by_hint else None
        self._commands = db["commands"]
        self._due = DueReader(db)
        self._fires = Fires(db)
        self._leases = leases
        self._catalogue = catalogue
        self._ttl: timedelta = getattr(told, schedule.lock_ttl)
        self._hint = hint
        self._now = now
        self._new_id = new_id
        self._monotonic = monotonic
        self._metrics = metrics
        self._term = term
        self._asked = Memory(monotonic)
        self._kept: Keeper | None = None
        """Of a fire whose lease may not have been released: the store was slow or away."""

    def tick(self) -> int:
        """Fires what is due; returns how many commands were accepted, or asked for by a hint.

        Raises: Unavailable, Unreachable, PyMongoError: tick again.
        """
        state, now = self._fires.state(self.schedule.name), self._now()
        self._measure(state, now)
        if "paused" in state:
            return 0
        last = self._last_slot(state, now)
        due = due_slots(self.schedule.rule, self.schedule.catch_up, last=last, now=now)
        wanted = [Fire(schedule=self.schedule.name, slot=slot) for slot in due.slots]
        wanted += [
            Fire(schedule=self.schedule.name, slot=one["at"], request=one["id"])
            for one in state.get("requests", ())
        ]
        left = self._fires.unfinished(self.schedule.name)
        if left is not None and left not in wanted:
            wanted.insert(0, left)
        if due.skipped:
            self._fires.passed(self.schedule.name, last=due.before, over=due.skipped)
        return sum(self._fire(fire, is_begun=fire == left) for fire in wanted)

    def _last_slot(self, state: Document, now: datetime) -> datetime | None:
        """How far it has come; once the clock was set back by more than a period, no further than to now: it
        would stand still until the clock is there again. What it asks for twice is accepted once."""
        rule, seen = self.schedule.rule, state.get("last_slot")
        if seen is None or seen <= rule.after(rule.last(now)):
            return seen
        last = rule.last(rule.last(now) - MOMENT)
        self._fires.set_back(self.schedule.name, seen=seen, to=last)
        return last

    def _measure(self, state: Document, now: datetime) -> None:
        last = state.get("last_slot")
        late = now - self.schedule.rule.after(last) if last else timedelta()
        self._metrics.schedule_lag.labels(self.schedule.name).set(max(late, timedelta()).total_seconds())

    def _fire(self, fire: Fire, *, is_begun: bool) -> int:
        """One fire, if there is something to ask for (or to end, that a dead process has begun) and nobody
        else is at it."""
        began = self._now()
        pages = _pages(self._asked.due(self.schedule.requests(self._due, fire.slot, began)))
        first = next(pages, None)
        if first is None and fire.request is None and not is_begun:
            self._pass(fire, began)
            return 0
        self._let_go()
        lease = self._leases.acquire(f"schedule:{self.schedule.name}", ttl=self._ttl, term=self._term)
        if lease is None:
            return 0
        self._kept = Keeper(self._leases, lease, monotonic=self._monotonic)
        with self._kept as keeper:
            self._fires.begin(fire, lease, now=began)
            commands = self._ask(chain([first] if first else [], pages), keeper)
            self._fires.end(fire, keeper.lease, commands=commands, now=self._now())
        self._kept = None
        self._fires.fired(fire, commands=commands, now=began)
        self._pass(fire, began)
        logger.info("schedule fired", schedule=self.schedule.name, fire=fire.id, commands=commands)
        return commands

    def _let_go(self) -> None:
        """Once more: nobody else would, and we should wait for our own lease until its ttl is over."""
        if self._kept is not None:
            self._leases.release(self._kept.lease)
            self._kept = None

    def _pass(self, fire: Fire, began: datetime) -> None:
        """On to the next slot. Those that went by while this ran are passed over, but perhaps the last."""
        if fire.request is not None:
            return
        rule, last = self.schedule.rule, fire.slot
        newest = rule.last(self._now())
        if fire.slot == rule.last(began) and newest > fire.slot:
            last = newest if self.schedule.overlap == "skip" else rule.last(newest - MOMENT)
        self._fires.passed(self.schedule.name, last=last, over=0)

    def _ask(self, pages: Iterator[list[CommandRequest]], keeper: Keeper) -> int:
        """Page by page, while the lease is held and there is time."""
        until = self._monotonic() + MOST_TIME.total_seconds()
        fired = 0
        for page in islice(pages, MOST // PAGE):
            if not keeper.held:
                break
            left = self._unheard(page)
            fired += len(page) - len(left) + self._accept(left)
            if self._monotonic() > until:
                break
        return fired

    def _unheard(self, page: list[CommandRequest]) -> list[CommandRequest]:
        """Ask by a hint for what may be asked for so. Returns what is left to accept."""
        look = self._look
        if look is None:
            return page
        new = [asked for asked in page if not self._asked.knows(asked)]
        try:
            self._hint(LOOKS, [(asked.tenant_id, look.target(asked)) for asked in new])
        except Unheard as error:
            logger.info("looks accepted as commands", lines=len(new), reason=str(error))
            return page
        known = [asked for asked in page if self._asked.knows(asked)]
        self._asked.note(new)
        return known

    def _accept(self, page: list[CommandRequest]) -> int:
        if not page:
            return 0
        now = self._now()
        commands = [
            command_for(asked, by=self.schedule.name, catalogue=self._catalogue, id=self._new_id(), now=now)
            for asked in page
        ]
        accepted = accept_many(self._commands, commands)
        new = [one.document for one in accepted if not one.replayed]
        for document in new:
            self._metrics.commands_accepted.labels(document["type"]).inc()
        try:
            self._hint("time", [(document["tenant_id"], document["target"]) for document in new])
        except Unheard as error:
            logger.info("hints left to the relay", lines=len(new), reason=str(error))
        self._asked.note(page)
        return len(new) + self._accept(list(self._instead(page, accepted)))

    def _instead(self, page: list[CommandRequest], accepted: list[Accepted]) -> Iterator[CommandRequest]:
        """What to ask for where the command of a key ended otherwise than applied, and is due still."""
        if self.schedule.on_bad_end is None:
            return
        for asked, answer in zip(page, accepted, strict=True):
            state = answer.document["state"]
            if answer.replayed and state in FINAL and state != "applied":
                found = self.schedule.on_bad_end(asked, answer.document["_id"], state)
                if found is not None:
                    yield found


def runners(
    db: Database[Any],
    broker: HintBroker,
    told: Settings,
    metrics: Metrics,
    *,
    term: int | None,
    now: Now | None = None,
    by_hint: bool = True,
) -> list[Runner]:
    """A runner for each schedule of the table; what is due is decided by `now`, the server's clock unless
    told otherwise."""
    clock = SystemClock()

    def runner(schedule: Schedule) -> Runner:
        new_id = Ids(clock.now)  # each runner's own: each is ticked by a thread of its own
        return Runner(
            schedule,
            db,
            Leases(db["leases"], monotonic=clock.monotonic, new_owner=new_id),
            catalogue(),
            told=told,
            hint=partial(hints.send, broker),
            now=now or (lambda: server_time(db)),
            new_id=new_id,
            monotonic=clock.monotonic,
            metrics=metrics,
            term=term,
            by_hint=by_hint,
        )

    return [runner(schedule) for schedule in table().values()]


def _pages(asked: Iterator[CommandRequest]) -> Iterator[list[CommandRequest]]:
    while page := list(islice(asked, PAGE)):
        yield page


def schedule_duty(runner: Runner) -> Duty:
    def tick() -> timedelta:
        runner.tick()
        return LOOK_EVERY

    return Duty(f"schedule {runner.schedule.name}", tick)
