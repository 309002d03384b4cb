"""Processes on both sides of a bad network, killed now and then; and an office that works on meanwhile."""

from __future__ import annotations

import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import msgspec
from pymongo.database import Database

from adapters.commands.document import FINAL
from adapters.identity.tokens import Tokens
from adapters.mongo.client import Document
from adapters.operators import resolutions
from adapters.operators.audit import Act
from adapters.process.clock import SystemClock
from bench.device.outbox import Outbox, Row
from cli.embedded import ports
from locks.idempotency import KEYS_KEPT
from tasks.catalogue import catalogue
from tests.convergence.walker import Deed, Device, Walk
from tests.support import seeds
from tests.support.patience import LOOK_EVERY_S, eventually
from tests.support.processes import SCHEDULER, SECRET, WEB, WORKER, Process, Processes
from tests.support.seeds import Seeds, new_id
from tests.torture.story import labor, story

TOKENS_LIVE = timedelta(hours=1)
BOSS = "boss"
SERVED_WITHIN_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Weather:
    """How many there are and how bad it gets. Seconds of real time."""

    devices: int
    per_device: int
    walkers: int
    workers: int
    bad: float
    kill_every_s: float
    calm_within_s: float


@dataclass(frozen=True)
class Plan:
    """What everybody does, whatever the network does: by user, the deeds; and whose orders are whose."""

    scripts: dict[str, list[Deed]]
    own: list[str]
    shared: list[str]
    part: str


def planned(weather: Weather, chance: random.Random) -> Plan:
    """Nine of ten deeds are on orders that no other device touches."""
    shared, part = [new_id() for _ in range(max(2, weather.devices // 5))], new_id()
    scripts, own = {}, []
    for number in range(weather.devices):
        deeds: list[Deed] = []
        while len(deeds) < weather.per_device:
            order = new_id()
            own.append(order)
            for type, payload in story(order, part, number):
                deeds.append(Deed(type, f"work_order:{order}", payload))
                if chance.random() < 0.25:
                    deeds.append(on_shared(chance.choice(shared), chance))
        scripts[new_id()] = deeds
    return Plan(scripts, own, shared, part)


def on_shared(order: str, chance: random.Random) -> Deed:
    named = {"work_order_id": order}
    type, payload = chance.choice(
        [
            ("labor.log", labor(order, chance.randrange(1, 60))),
            ("comment.add", named | {"text": f"seen {chance.randrange(1000)}"}),
            ("start", named),
            ("hold", named | {"reason": chance.choice(["parts", "access"])}),
            ("resume", named),
            ("update", named | {"title": f"title {chance.randrange(5)}"}),
        ]
    )
    return Deed(f"work_order.{type}", f"work_order:{order}", payload, may_drop=True)


class World:
    """One tenant that lives the plan."""

    def __init__(
        self, plan: Plan, weather: Weather, db: Database[Any], tenant: str, directory: Path, port: int
    ) -> None:
        self.plan, self.weather, self.db, self.tenant, self.port = plan, weather, db, tenant, port
        self.seed = Seeds(db, catalogue(), tenant)
        self._directory = directory
        users = [seeds.user(tenant, roles=("supervisor",), id=id) for id in plan.scripts]
        db.users.insert_many([user | {"token_version": 0} for user in (*users, seeds.user(tenant, id=BOSS))])
        self._make_parts()
        for order in plan.shared:
            told = {"id": order, "title": "hall 3", "type": "corrective", "priority": "low"}
            self.office("work_order.create", told)
        self.walks = self._walks()

    def _make_parts(self) -> None:
        made = self.seed.part()
        document = self.db.parts.find_one_and_delete({"_id": f"{self.tenant}/{made}"})
        assert document is not None
        self.db.parts.insert_one(document | {"_id": f"{self.tenant}/{self.plan.part}", "id": self.plan.part})

    def office(self, type: str, payload: Document) -> None:
        self.seed.accept_all([self.seed.document(type, payload, user_id=BOSS)])

    def disturb(self, chance: random.Random) -> None:
        """The office works on the shared orders."""
        for order in self.plan.shared:
            deed = on_shared(order, chance)
            self.office(deed.type, deed.payload)

    def _token(self, issuer: Tokens, user_id: str) -> str:
        id = new_id()
        return issuer.issue(tenant_id=self.tenant, user_id=user_id, token_version=0, id=id, session_id=id)

    def _walks(self) -> list[Path]:
        issuer = Tokens(SECRET, lives=TOKENS_LIVE, now=SystemClock().now)
        devices = [
            Device(
                device_id=f"phone-{number}",
                token=self._token(issuer, user),
                file=str(self._directory / f"{self.tenant}-{number}.db"),
                script=script,
            )
            for number, (user, script) in enumerate(self.plan.scripts.items())
        ]
        files = []
        for n in range(self.weather.walkers):
            walk = Walk(port=self.port, bad=self.weather.bad, devices=devices[n :: self.weather.walkers])
            files.append(self._directory / f"{self.tenant}-walk-{n}.json")
            files[-1].write_bytes(msgspec.json.encode(walk))
        return files

    def devices(self) -> dict[str, list[Row]]:
        """What each device's file says, whoever is writing it."""
        found = {}
        for number, user in enumerate(self.plan.scripts):
            with Outbox(self._directory / f"{self.tenant}-{number}.db") as outbox:
                found[f"{user}/phone-{number}"] = outbox.all()
        return found

    def is_calm(self) -> bool:
        """Nothing is due or open on the server; every device has done all, and heard of every end."""
        mine = {"tenant_id": self.tenant}
        if self.db.commands.find_one(mine | {"$or": [{"active": True}, {"inbox": {"$exists": True}}]}):
            return False
        length = {user: len(script) for user, script in self.plan.scripts.items()}
        return all(
            sum("resolves" not in row.fields for row in rows) == length[name.partition("/")[0]]
            and all(row.state in FINAL for row in rows)
            for name, rows in self.devices().items()
        )

    def plan_on(self) -> None:
        """The planner decides what was sent there, and lets be what waits for a review."""
        open = {"tenant_id": self.tenant, "$or": [{"for_planner": True}, {"inbox": "review"}]}
        for command in list(self.db.commands.find(open | {"inbox": {"$exists": True}})):
            act = Act(
                id=secrets.token_hex(8),
                tenant_id=self.tenant,
                user_id=BOSS,
                via="api",
                reason="looked at it",
                at=SystemClock().now(),
            )
            choice: resolutions.Choice = "reject" if command["inbox"] == "review" else "take_server"
            try:
                resolutions.decide(self.db, command["_id"], act, choice, keys_kept=KEYS_KEPT)
            except resolutions.NothingToDecide:
                continue  # its device was quicker

    def own_orders(self) -> dict[str, Any]:
        """Those that one device alone has worked on, without what must differ: times, ids and numbers."""
        found: dict[str, Any] = {}
        query = {"tenant_id": self.tenant}
        for order in self.db.work_orders.find(query | {"id": {"$in": self.plan.own}}):
            rows = self.db.entries.find(query | {"target": f"work_order:{order['id']}"})
            books = sorted((plain(row, "_id", "id", "tenant_id", "command_id") for row in rows), key=repr)
            found[order["id"]] = plain(order, "_id", "tenant_id", "number"), books
        return found


def plain(document: Document, *dropped: str) -> Document:
    def kept(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: kept(one) for name, one in value.items() if not isinstance(one, datetime)}
        return [kept(one) for one in value] if isinstance(value, list) else value

    return kept({name: value for name, value in document.items() if name not in dropped})  # type: ignore[no-any-return]


class Trouble:
    """Both sides' processes. Kills one after the other, and starts another in its place."""

    def __init__(self, crew: Processes, workers: int) -> None:
        self.port = ports.free()
        self._crew = crew
        self._clock = SystemClock()
        self._places: list[tuple[Sequence[str], Process]] = []
        self._servers = 2 + workers
        for argv in (WEB, *[WORKER] * workers, SCHEDULER):
            self._places.append((argv, self._start(argv)))
        eventually(self._answers, within_s=SERVED_WITHIN_S, what="the web process answers")

    def _answers(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/api/health/live", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, HTTPException):
            return False

    def _start(self, argv: Sequence[str]) -> Process:
        return self._crew.start(*argv, PORT=str(self.port))

    def live(self, world: World, *, kills: int, chance: random.Random) -> None:
        """Returns when the world is calm; fails if it is not so in time after the last kill."""
        for walk in world.walks:
            argv = ("-m", "tests.convergence.walker", str(walk))
            self._places.append((argv, self._start(argv)))
        victims = [place for place, (argv, _) in enumerate(self._places) if argv != SCHEDULER]
        chance.shuffle(victims)
        for turn in range(kills):
            self._kill(victims[turn % len(victims)], world.weather.kill_every_s)
            world.disturb(chance)
        calm_by = self._clock.monotonic() + world.weather.calm_within_s
        while not world.is_calm():
            world.plan_on()
            self._clock.sleep(LOOK_EVERY_S * 10)
            assert self._clock.monotonic() < calm_by, self._why(world)
        while len(self._places) > self._servers:
            self._places.pop()[1].kill()

    def _kill(self, place: int, after_s: float) -> None:
        self._clock.sleep(after_s)
        argv, process = self._places[place]
        process.kill()
        self._places[place] = (argv, self._start(argv))

    def _why(self, world: World) -> str:
        open = list(world.db.commands.find({"tenant_id": world.tenant, "active": True}).limit(3))
        late = {
            name: [(row.lane, row.lane_seq, row.state) for row in rows if row.state not in FINAL]
            for name, rows in world.devices().items()
        }
        said = [process.output()[-500:] for _, process in self._places]
        return f"never calm: {open} {late} {said}"
