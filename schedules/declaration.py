"""How a schedule is declared: a name, when, and what it asks for.

    SCHEDULE = Schedule(name="plans", rule=Every(timedelta(seconds=5)), requests=due_plans, ...)

A schedule changes nothing: it yields commands whose keys come from their meaning, so that a fire may be late,
doubled, or run by two schedulers at once, and each command is still accepted once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

import msgspec

from domain.due import ChangedTerms, DueOrder, DuePlan
from domain.entity import Entity
from domain.time.instants import rfc3339
from domain.time.local_time import to_instant, to_local

ON_TIME = timedelta(minutes=1)
"""Within it a slot is not missed: the scheduler looks every second."""

WRITE_LAG = timedelta(seconds=30)
"""What is written while something changes goes by how that was before, and may be seen so much later."""

_MOMENT = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Every(msgspec.Struct, frozen=True):
    """At multiples of a period, counted from 1970 in UTC."""

    period: timedelta

    def last(self, now: datetime) -> datetime:
        return EPOCH + (now - EPOCH) // self.period * self.period

    def after(self, slot: datetime) -> datetime:
        return self.last(slot) + self.period

    def __str__(self) -> str:
        return f"every {self.period.total_seconds():g} s"


class Daily(msgspec.Struct, frozen=True):
    """Once a day at a local time; where the clocks change, by the rule of `domain/time/local_time.py`."""

    hour: int
    minute: int
    time_zone: str

    def last(self, now: datetime) -> datetime:
        today = self._on(now, days=0)
        return today if today <= now else self._on(now, days=-1)

    def after(self, slot: datetime) -> datetime:
        today = self._on(slot, days=0)
        return today if today > slot else self._on(slot, days=1)

    def _on(self, at: datetime, *, days: int) -> datetime:
        local = to_local(at, self.time_zone) + timedelta(days=days)
        return to_instant(
            local.replace(hour=self.hour, minute=self.minute, second=0, microsecond=0), self.time_zone
        )

    def __str__(self) -> str:
        return f"daily at {self.hour:02d}:{self.minute:02d} {self.time_zone}"


Rule = Every | Daily


class Skip(msgspec.Struct, frozen=True, tag="skip"):
    """What an outage missed is not made up for."""


class Latest(msgspec.Struct, frozen=True, tag="latest"):
    """One fire, for the last slot that was missed."""


class All(msgspec.Struct, frozen=True, tag="all"):
    """The missed slots of the window, at most the latest `most` of them, oldest first."""

    most: int
    window: timedelta


CatchUp = Skip | Latest | All
Overlap = Literal["skip", "buffer_one"]


class CommandRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A command a schedule asks for. `key` says what it is for: the same again is the same command."""

    tenant_id: str
    type: str
    payload: dict[str, Any]
    key: str


class Due(Protocol):
    """What schedules may ask of the store; all of it read by index, page by page."""

    def plans(self, now: datetime) -> Iterator[DuePlan]:
        """Plans to be looked at, the longest due first."""

    def orders(self, now: datetime) -> Iterator[DueOrder]:
        """Orders whose clocks are to be looked at, the longest due first."""

    def changed_calendars(self) -> Iterator[ChangedTerms]: ...

    def plans_behind(self, calendar: ChangedTerms) -> Iterator[str]:
        """Ids of plans that go by an older version of this calendar."""

    def orders_counting_by(self, calendar: ChangedTerms) -> Iterator[str]:
        """Ids of open orders whose SLA clocks were worked out by an older version of this calendar."""

    def changed_policies(self) -> Iterator[ChangedTerms]: ...

    def orders_behind(self, policies: ChangedTerms) -> Iterator[str]:
        """Ids of open orders that are watched by an older version of their tenant's policies."""


class DueCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A command for each entity whose time, kept in `field`, has come. That never takes a value twice, so the
    same again is the same command.

    It is made where it is applied, by a worker that is hinted (`workers/drain/due_checks.py`).
    """

    command: str
    at: type[Entity]
    field: str

    def request(self, tenant_id: str, id: str, at: datetime) -> CommandRequest:
        kind, when = self.at.kind, rfc3339(at)
        payload = {f"{kind}_id": id, "at": when}
        return CommandRequest(
            tenant_id=tenant_id, type=self.command, payload=payload, key=f"{kind}:{id}@{when}"
        )

    def target(self, asked: CommandRequest) -> str:
        """`<kind>:<id>` of what is to be looked at."""
        kind = self.at.kind
        return f"{kind}:{asked.payload[f'{kind}_id']}"


Requests = Callable[[Due, datetime, datetime], Iterator[CommandRequest]]
"""(what is due, the slot, server time) -> commands."""

OnBadEnd = Callable[[CommandRequest, str, str], CommandRequest | None]
"""(what was asked, its command's id and final state) -> what to ask instead, where it ended badly."""


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table. `lock_ttl` names the setting that says how long its lease lasts."""

    name: str
    rule: Rule
    lock_ttl: Literal["job_lock_ttl", "pm_scheduler_lock_ttl", "reminder_job_lock_ttl"]
    catch_up: CatchUp
    overlap: Overlap
    requests: Requests
    due_check: DueCheck | None = None
    """Where all that it asks for are looks."""
    on_bad_end: OnBadEnd | None = None
    summary: str


class DueSlots(msgspec.Struct, frozen=True):
    """Slots to fire now, oldest first; how many are passed over, all of them up to `before`."""

    slots: tuple[datetime, ...] = ()
    skipped: int = 0
    before: datetime = EPOCH


def due_slots(rule: Rule, catch_up: CatchUp, *, last: datetime | None, now: datetime) -> DueSlots:
    """What a schedule whose last slot was `last` is to fire at `now`.

    A clock that was set back gives none; a schedule that never fired begins with the present slot.
    """
    newest = rule.last(now)
    if last is None:
        return DueSlots((newest,))
    if newest <= last:
        return DueSlots()
    if isinstance(catch_up, All):
        slots = _within(rule, catch_up, last, newest, now)
        before = rule.last(slots[0] - _MOMENT)
        return DueSlots(slots, _count(rule, last, before), before)
    if isinstance(catch_up, Latest) or now - newest <= ON_TIME:
        before = rule.last(newest - _MOMENT)
        return DueSlots((newest,), _count(rule, last, before), before)
    return DueSlots((), _count(rule, last, newest), newest)


def _within(
    rule: Rule, catch_up: All, last: datetime, newest: datetime, now: datetime
) -> tuple[datetime, ...]:
    """The latest slots of the window, at most as many as may be made up for; the newest always."""
    slots = [newest]
    while len(slots) < catch_up.most:
        slot = rule.last(slots[-1] - _MOMENT)
        if slot <= last or slot < now - catch_up.window:
            break
        slots.append(slot)
    return tuple(reversed(slots))


def _count(rule: Rule, last: datetime, upto: datetime) -> int:
    """Slots in (last, upto]; of a daily one, to the day."""
    if isinstance(rule, Every):
        return max((upto - rule.last(last)) // rule.period, 0)
    return max(round((upto - last) / timedelta(days=1)), 0)
