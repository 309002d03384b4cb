"""How a schedule is declared: its name, its rule, and the commands it requests.

    SCHEDULE = Schedule(name="plans", rule=Every(timedelta(seconds=5)), requests=due_plans, ...)

A schedule writes nothing: it yields commands whose keys are derived from their purpose, so that a fire may be
late, repeated, or run by two schedulers at once, and each command is still accepted once.
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
"""A slot fired within this time is not late: the scheduler checks every second."""

WRITE_LAG = timedelta(seconds=30)
"""A transaction that read the terms before their change may commit, and become visible, this much later."""

_MOMENT = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Every(msgspec.Struct, frozen=True):
    """Slots at multiples of a period since 1970, in UTC."""

    period: timedelta

    def last(self, now: datetime) -> datetime:
        return EPOCH + (now - EPOCH) // self.period * self.period

    def after(self, slot: datetime) -> datetime:
        return self.last(slot) + self.period

    def __str__(self) -> str:
        return f"every {self.period.total_seconds():g} s"


class Daily(msgspec.Struct, frozen=True):
    """A slot each day at a local time; clock changes by the rule of `domain/time/local_time.py`."""

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
    """Slots missed in an outage are not made up for."""


class Latest(msgspec.Struct, frozen=True, tag="latest"):
    """One fire, for the latest missed slot."""


class All(msgspec.Struct, frozen=True, tag="all"):
    """One fire for each missed slot of the window, at most the latest `most`, oldest first."""

    most: int
    window: timedelta


CatchUp = Skip | Latest | All
Overlap = Literal["skip", "buffer_one"]


class CommandRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A command that a schedule requests. `key` states its purpose: the same key is the same command."""

    tenant_id: str
    type: str
    payload: dict[str, Any]
    key: str


class Due(Protocol):
    """What schedules may read from the store, by index and page by page."""

    def plans(self, now: datetime) -> Iterator[DuePlan]:
        """Plans that are due, the longest due first."""

    def orders(self, now: datetime) -> Iterator[DueOrder]:
        """Orders whose clocks are due, the longest due first."""

    def changed_calendars(self) -> Iterator[ChangedTerms]:
        """Calendars whose change has not reached all that use them."""

    def plans_behind(self, calendar: ChangedTerms) -> Iterator[str]:
        """Ids of active plans that use an older version of this calendar."""

    def orders_counting_by(self, calendar: ChangedTerms) -> Iterator[str]:
        """Ids of open orders whose SLA clocks use an older version of this calendar."""

    def changed_policies(self) -> Iterator[ChangedTerms]:
        """Tenants' policies whose change has not reached all watched orders."""

    def orders_behind(self, policies: ChangedTerms) -> Iterator[str]:
        """Ids of open orders that use an older version of their tenant's policies."""


class DueCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A command for each entity whose due time, stored in `field`, has come. The field never has the same
    value twice, so each due time gives one command.

    The scheduler only hints; the worker that applies the command creates it (`workers/drain/due_checks.py`).
    """

    command: str
    at: type[Entity]
    field: str

    def request(self, tenant_id: str, id: str, at: datetime) -> CommandRequest:
        """The command for the entity that is due at `at`."""
        kind, when = self.at.kind, rfc3339(at)
        payload = {f"{kind}_id": id, "at": when}
        return CommandRequest(
            tenant_id=tenant_id, type=self.command, payload=payload, key=f"{kind}:{id}@{when}"
        )

    def target(self, request: CommandRequest) -> str:
        """`<kind>:<id>` of the entity to check."""
        kind = self.at.kind
        return f"{kind}:{request.payload[f'{kind}_id']}"


Requests = Callable[[Due, datetime, datetime], Iterator[CommandRequest]]
"""(what is due, the slot, server time) -> the commands to request."""

OnBadEnd = Callable[[CommandRequest, str, str], CommandRequest | None]
"""(a request, its command's id and final state) -> the command to request after a failure, if any."""


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """One schedule. `lock_ttl` names the setting with the length of its lease."""

    name: str
    rule: Rule
    lock_ttl: Literal["job_lock_ttl", "pm_scheduler_lock_ttl", "reminder_job_lock_ttl"]
    catch_up: CatchUp
    overlap: Overlap
    requests: Requests
    due_check: DueCheck | None = None
    """Set if all its commands are due checks."""
    on_bad_end: OnBadEnd | None = None
    summary: str


class DueSlots(msgspec.Struct, frozen=True):
    """The slots to fire now, oldest first, and how many are skipped, all of them up to `before`."""

    slots: tuple[datetime, ...] = ()
    skipped: int = 0
    before: datetime = EPOCH


def due_slots(rule: Rule, catch_up: CatchUp, *, last: datetime | None, now: datetime) -> DueSlots:
    """The slots that a schedule whose last slot was `last` fires at `now`.

    None if the clock was set back; the current one for a schedule that never fired.
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
    """The latest slots of the window, at most `most`; always the newest."""
    slots = [newest]
    while len(slots) < catch_up.most:
        slot = rule.last(slots[-1] - _MOMENT)
        if slot <= last or slot < now - catch_up.window:
            break
        slots.append(slot)
    return tuple(reversed(slots))


def _count(rule: Rule, last: datetime, upto: datetime) -> int:
    """The number of slots in (last, upto]; for daily rules rounded to days."""
    if isinstance(rule, Every):
        return max((upto - rule.last(last)) // rule.period, 0)
    return max(round((upto - last) / timedelta(days=1)), 0)
