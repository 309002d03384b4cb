"""One order's life for tests of its clocks: what happens, when it becomes known, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from domain.notices.notice import Notice
from domain.order_clocks import clocks
from domain.order_clocks.clocks import ClockCheck
from domain.policies import Escalation, Policies, ReminderPolicy, Rung, SlaPolicy
from domain.time.working_calendar import Calendar
from domain.work_order.model import WorkOrder
from tests.tasks.fake_work import ident

TECHNICIAN = ident(2)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def promise(response: str | None = None, resolve: str | None = None, **more: Any) -> SlaPolicy:
    return SlaPolicy(**{"id": ident(50), "name": "Promise", "response": response, "resolve": resolve, **more})


def warning(trigger: Any, offset: str, *notify: str) -> Escalation:
    return Escalation(trigger=trigger, offset=offset, notify=notify or ("supervisor",), channels=("email",))


def ladder(*before: str, **overdue: str) -> ReminderPolicy:
    """`supervisor="P1D"`: the supervisor hears of it when it is a day late."""
    rungs = tuple(Rung(after=after, notify=(who,), channels=("in_app",)) for who, after in overdue.items())
    return ReminderPolicy(id=ident(60), name="Ladder", before_due=before, overdue=rungs)


class Life:
    """`happens` at an instant that may lie before the one at which it becomes known."""

    def __init__(
        self,
        *policies: SlaPolicy | ReminderPolicy,
        opened: datetime,
        known: datetime | None = None,
        calendars: tuple[Calendar, ...] = (),
        **fields: Any,
    ) -> None:
        self.policies = Policies(
            id="tenant",
            version=1,
            sla=tuple(policy for policy in policies if isinstance(policy, SlaPolicy)),
            reminders=tuple(policy for policy in policies if isinstance(policy, ReminderPolicy)),
        )
        self.calendars = {calendar.id: calendar for calendar in calendars}
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.notices: list[Notice] = []
        plain: dict[str, Any] = {
            "id": ident(1),
            "number": "WO-000001",
            "title": "Oil leak",
            "status": "assigned",
            "type": "corrective",
            "priority": "high",
            "assignee_ids": (TECHNICIAN,),
            "created_at": opened,
        }
        self.order = clocks.start_watch(
            WorkOrder(**plain | fields), self.policies, self.calendars.get, now=known or opened
        )

    def happens(
        self, change: Callable[[WorkOrder], WorkOrder], when: datetime, *, known: datetime | None = None
    ) -> ClockCheck:
        after = change(self.order)
        return self._keep(
            clocks.update_clocks(
                self.order, after, self.policies, self.calendars.get, at=when, now=known or when
            )
        )

    def look(self, now: datetime) -> ClockCheck:
        return self._keep(clocks.check_clocks(self.order, self.policies, self.calendars.get, now=now))

    def look_until(self, end: datetime) -> list[datetime]:
        """Look whenever it is time to, as the schedule does. Returns when."""
        seen = []
        while self.order.look_at is not None and self.order.look_at <= end:
            seen.append(self.order.look_at)
            self.look(seen[-1])
        return seen

    def _keep(self, looked: ClockCheck) -> ClockCheck:
        self.order = looked.order
        self.events += looked.events
        self.notices += looked.notices
        return looked

    # -- what can happen ----------------------------------------------------------------------------------

    def starts(self, when: datetime, **known: datetime) -> ClockCheck:
        return self.happens(lambda order: order.start(by=TECHNICIAN, at=when), when, **known)

    def waits(self, when: datetime, reason: Any = "parts", **known: datetime) -> ClockCheck:
        return self.happens(lambda order: order.hold(reason, by=TECHNICIAN, at=when), when, **known)

    def resumes(self, when: datetime, **known: datetime) -> ClockCheck:
        return self.happens(lambda order: order.resume(by=TECHNICIAN, at=when), when, **known)

    def completes(self, when: datetime, **known: datetime) -> ClockCheck:
        return self.happens(lambda order: order.complete(by=TECHNICIAN, at=when), when, **known)

    def reopens(self, when: datetime, **known: datetime) -> ClockCheck:
        return self.happens(lambda order: order.reopen("leaks", by=TECHNICIAN, at=when), when, **known)

    def cancels(self, when: datetime, **known: datetime) -> ClockCheck:
        return self.happens(lambda order: order.cancel("not needed", by=None, at=when), when, **known)

    def changes(self, when: datetime, **fields: Any) -> ClockCheck:
        return self.happens(lambda order: order.update(**fields), when)

    # -- what came of it ----------------------------------------------------------------------------------

    @property
    def said(self) -> list[str]:
        """The events, without their kind, each with what it is about."""
        return [
            f"{name.removeprefix('work_order.')} {data.get('clock') or data.get('step') or data['steps']}"
            for name, data in self.events
        ]

    @property
    def told(self) -> list[str]:
        """The steps of the notices, without their due dates."""
        return [notice.step.partition("@")[0] for notice in self.notices]

    def clock(self, name: str) -> Any:
        assert self.order.watch is not None
        assert self.order.watch.sla is not None
        return getattr(self.order.watch.sla, name)
