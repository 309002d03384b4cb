"""Plans of one tenant that live through a span of staged time, served by a crew that is not spared."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from pymongo.database import Database

from adapters.mongo.client import CODEC
from adapters.process.clock import SystemClock
from domain.plan.model import SHARDS, Plan
from domain.time.working_calendar import Calendar
from tasks.catalogue import catalogue
from tests.support.patience import LOOK_EVERY_S, eventually
from tests.support.seeds import Seeds, new_id
from tests.support.staged import StagedTime
from tests.torture.crew import Crew
from tests.torture.plans import Planner, holidays

TENANT = "north"
ASSETS = 20


@dataclass(frozen=True, kw_only=True)
class Span:
    """How long it lasts for the plans, and how hard it is. `_s` is real time."""

    plans: int
    dense: float
    begins: str
    lasts: timedelta
    stride: timedelta
    """The longest the time leaps at once."""
    outages: tuple[str, ...]
    """How everybody goes at a quarter, a half and three quarters of it."""
    outage: timedelta
    """How long the first two last; the third lasts three times as long."""
    lease_s: float
    patience_s: float
    """Time goes on after so long, whether everything due is done or not."""
    fault_every: int
    """Strides."""
    calm_within_s: float

    @property
    def start(self) -> datetime:
        return datetime.fromisoformat(self.begins).replace(tzinfo=UTC)


class Trial:
    """The plans of one tenant, the time they live in, and the crew that serves them."""

    def __init__(self, span: Span, db: Database[Any], crew: Crew, time: StagedTime, seed: int) -> None:
        self.span, self.db, self.crew, self.time = span, db, crew, time
        self.chance = random.Random(seed)
        self.seeds = Seeds(db, catalogue(), TENANT)
        self.calendars: dict[str, Calendar] = {}

    def plan(self) -> list[Plan]:
        """All of them."""
        assets = [new_id() for _ in range(ASSETS)]
        asked = [("asset.create", {"id": id, "name": "Pump", "criticality": "low"}) for id in assets]
        asked += [("calendar.set", self._calendar(name)) for name in ("Works", "Office")]
        planner = Planner(
            self.chance, self.span.start, assets=assets, calendars=list(self.calendars.values())
        )
        made = planner.plans(self.span.plans, dense=self.span.dense)
        asked += [("plan.create", rules) for rules in made]
        self.seeds.accept_all([self.seeds.document(*one) for one in asked])
        self._calm()
        rows = self.db.plans.with_options(codec_options=CODEC).find({"tenant_id": TENANT})
        return [msgspec.convert(row, Plan) for row in rows]

    def _calendar(self, name: str) -> dict[str, Any]:
        off = [self.span.start + timedelta(days=self.chance.randint(2, 340)) for _ in range(25)]
        closed = [self.span.start + timedelta(days=days) for days in (*range(20, 24), *range(150, 160))]
        made = holidays(name, "Europe/Berlin", sorted({f"{day:%Y-%m-%d}" for day in [*off, *closed]}))
        self.calendars[made.id] = made
        return {"id": made.id, "name": name, "time_zone": made.time_zone, "holidays": made.holidays}

    def live(self) -> datetime:
        """Through the whole span, with three outages. Returns what the right time is in the end."""
        ends = self.span.start + self.span.lasts
        outages = list(self.span.outages)
        strides = 0
        while self.time.now() < ends:
            self.time.leap(self.span.stride * self.chance.random(), steps=self.crew.steps())
            strides += 1
            if outages and self.time.now() >= ends - self.span.lasts * len(outages) / 4:
                self.crew.out(outages.pop(0))
                self.time.leap(self.span.outage * (3 if not outages else 1), steps={})
                self.crew.back()
            elif strides % self.span.fault_every == 0:
                self.crew.suffer()
            self._settle()
            self.crew.wake()
        # Later than anybody has seen it, and when nothing falls due for a while: see `TIMES`.
        self.time.set((self.time.now() + timedelta(days=2)).replace(minute=1), {})
        self.crew.told["strides"] = strides
        self.crew.back()
        self._calm()
        return self.time.now()

    def _settle(self) -> None:
        clock = SystemClock()
        until = clock.monotonic() + self.span.patience_s
        while clock.monotonic() < until and not self._is_settled():
            clock.sleep(LOOK_EVERY_S)

    def _calm(self) -> None:
        eventually(self._is_settled, within_s=self.span.calm_within_s, what="everything due is done")

    def _is_settled(self) -> bool:
        now = self.time.now()
        due = {"shard": {"$in": list(range(SHARDS))}, "generate_at": {"$lte": now, "$type": "date"}}
        return not self.db.commands.find_one({"active": True}) and not self.db.plans.find_one(due, hint="due")
