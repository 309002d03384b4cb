"""Two schedulers and two workers that live in a staged time, and what may befall them."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

from pymongo.read_concern import ReadConcern

from adapters.process.clock import SystemClock
from tests.support.patience import LOOK_EVERY_S, eventually
from tests.support.processes import Process, Processes

STEP_S = 300
"""By so much a clock may be wrong, in either direction."""

READY_WITHIN_S = 120.0
SPIN_S = 0.001
SEEN_WITHIN_S = 1.5
"""A fault waits so long for somebody to be in the middle of something."""


class Crew:
    """Processes by name; `told` counts what befell them."""

    def __init__(self, started: Processes, staged: Path, lease_s: float, chance: random.Random) -> None:
        self._processes = started
        self._staged = staged
        self._lease_s = lease_s
        self._chance = chance
        self._local = started.db.with_options(read_concern=ReadConcern("local"))
        self._clock = SystemClock()
        self._asleep: dict[str, float] = {}
        self.running: dict[str, Process] = {}
        self.told: Counter[str] = Counter()

    def begin(self) -> None:
        """As many as there are to be."""
        for kind in ("scheduler", "scheduler", "worker", "worker"):
            self._start(kind)
        workers = [process for name, process in self.running.items() if name.startswith("worker")]
        eventually(lambda: all(map(_is_ready, workers)), within_s=READY_WITHIN_S, what="workers are ready")

    def kill(self, name: str) -> None:
        """And another in its place."""
        self.running.pop(name).kill()
        self._asleep.pop(name, None)
        self._start(name.partition("-")[0])

    def stop(self, name: str) -> None:
        """Until its lease is long over, or it is long held to be dead."""
        self.running[name].pause()
        self._asleep[name] = self._clock.monotonic() + self._lease_s + 1

    def wake(self) -> None:
        """Who has slept long enough."""
        for name, until in list(self._asleep.items()):
            if until <= self._clock.monotonic():
                self.running[name].resume()
                del self._asleep[name]

    def out(self, how: str) -> None:
        """Everybody at once: told to end, killed, or asleep."""
        self.told[f"all {how}"] += 1
        if how == "stopped":
            for name in self.running:
                self.stop(name)
            return
        for process in self.running.values():
            process.resume()
            if how == "killed":
                process.kill()
            else:
                process.child.terminate()
        for process in self.running.values():
            process.child.wait()
        self.running, self._asleep = {}, {}

    def back(self) -> None:
        """After `out`."""
        if not self.running:
            self.begin()
        while self._asleep:
            self.wake()
            self._clock.sleep(LOOK_EVERY_S)

    def suffer(self) -> None:
        """One fault, if there is somebody to meet it."""
        fault, kind = self._chance.choice(
            [
                ("kill", "leader"),
                ("stop", "leader"),
                ("kill", "leader"),
                ("kill", "worker"),
                ("stop", "worker"),
            ]
        )
        name = self._leader_at_work() if kind == "leader" else self._worker_at_work()
        if name is None or name in self._asleep:
            return
        getattr(self, fault)(name)
        caught = self._local.fires.find_one({"state": "running"}) if kind == "leader" else True
        self.told[f"{fault} {kind}{' in the middle of a fire' if kind == 'leader' and caught else ''}"] += 1

    def steps(self) -> dict[str, float]:
        """Whose clock is wrong now, and by how much."""
        wrong = [name for name in self.running if self._chance.random() < 0.4]
        self.told["clocks set"] += len(wrong)
        return {name: self._chance.uniform(-STEP_S, STEP_S) for name in wrong}

    def _start(self, kind: str) -> None:
        name = f"{kind}-{len(self._processes.started)}"
        argv = (kind, str(self._staged), name, str(self._lease_s))
        self.running[name] = self._processes.start("-m", "tests.torture.staged_process", *argv)

    def _leader_at_work(self) -> str | None:
        """While it fires, if that can be seen in time."""
        lease = self._local.leases.find_one({"_id": "scheduler"})
        fence = re.compile(rf" leading .*fence={lease['token'] if lease else 0}\b")
        leaders = [name for name, process in self.running.items() if fence.search(process.output())]
        self._await(lambda: self._local.fires.find_one({"state": "running"}))
        return leaders[0] if leaders else None

    def _worker_at_work(self) -> str | None:
        """In the middle of a batch, none of whose commands was lost before: three losses would be poison."""
        batch = self._await(lambda: self._local.batches.find_one({"ids.0": {"$exists": True}}))
        if batch is None or self._local.commands.find_one({"suspect": True, "active": True}):
            return None
        row = self._local.workers.find_one({"_id": batch["worker"]}) or {"pid": 0}
        began = re.compile(rf" began .*pid={row['pid']}\b")
        return next((name for name, process in self.running.items() if began.search(process.output())), None)

    def _await(self, look: Any) -> Any:
        until = self._clock.monotonic() + SEEN_WITHIN_S
        while not (found := look()) and self._clock.monotonic() < until:
            self._clock.sleep(SPIN_S)
        return found


def _is_ready(worker: Process) -> bool:
    assert worker.is_running, worker.output()
    return "worker ready" in worker.output()
