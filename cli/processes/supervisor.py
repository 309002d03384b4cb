"""Keeps the application's processes running until a signal, then stops them in order."""

import asyncio
import contextlib
import signal
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adapters.process.clock import Clock, SystemClock
from cli.processes.child import kill_group, leashed
from cli.processes.output import Output
from cli.processes.server import Server
from cli.stop import Stop

GRACE_S = 15.0
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
# A child that ran this long was healthy: its next exit restarts the backoff.
HEALTHY_AFTER_S = 10.0
LOOK_EVERY_S = 0.5
LONGEST_LINE = 1024 * 1024

SELF = "millwright"


@dataclass(kw_only=True)
class Child:
    """A process to keep running."""

    name: str
    argv: list[str]
    env: Mapping[str, str]
    cwd: Path


@dataclass(kw_only=True)
class Supervisor:
    """Runs children and watches servers; `run` returns when all children have ended."""

    children: list[Child]
    servers: Iterable[Server]
    output: Output
    clock: Clock = field(default_factory=SystemClock)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    running: dict[str, Process] = field(default_factory=dict)

    async def run(self) -> None:
        """Until SIGINT, SIGTERM, SIGHUP or a closed output; a second signal kills at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.stop)
        watcher = asyncio.create_task(self._watch_servers())
        try:
            await asyncio.gather(*(self._keep(child) for child in self.children))
        finally:
            watcher.cancel()

    def stop(self) -> None:
        if self.stopping.is_set():
            self.output.line(SELF, "killing what still runs")
            for process in self.running.values():
                kill_group(process.pid)
            return
        self.output.line(SELF, "stopping (once more to kill)")
        self.stopping.set()

    async def _keep(self, child: Child) -> None:
        pause_s = FIRST_PAUSE_S
        while not self.stopping.is_set():
            began = self.clock.monotonic()
            code = await self._once(child)
            if self.stopping.is_set():
                return
            if self.clock.monotonic() - began > HEALTHY_AFTER_S:
                pause_s = FIRST_PAUSE_S
            self.output.line(SELF, f"{child.name} {_ending(code)}; starting it again in {pause_s:.1f} s")
            await self._pause(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _once(self, child: Child) -> int:
        """Runs a child once; its exit code, negative for a signal."""
        argv, preexec = leashed(child.argv)
        process = await asyncio.create_subprocess_exec(
            *argv,
            env=child.env,
            cwd=child.cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            limit=LONGEST_LINE,
            # Ctrl-C in the terminal is for us; a child hears of it from us, in order.
            start_new_session=True,
            preexec_fn=preexec,
        )
        self.running[child.name] = process
        pump = asyncio.create_task(self._pump(child.name, process))
        ending = asyncio.create_task(self._end_on_stop(process))
        try:
            code = await process.wait()
        finally:
            ending.cancel()
            # What a killed master leaves behind must not work beside its successor.
            kill_group(process.pid)
            del self.running[child.name]
        await pump
        return code

    async def _end_on_stop(self, process: Process) -> None:
        await self.stopping.wait()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.sleep(GRACE_S)
        kill_group(process.pid)

    async def _pump(self, name: str, process: Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:
                # Longer than any line of ours; the reader dropped it.
                continue
            if not line:
                return
            self.output.line(name, line.decode(errors="replace").rstrip())
            if self.output.closed and not self.stopping.is_set():
                self.stop()

    async def _watch_servers(self) -> None:
        """A dead server is started again from this very thread: its leash is bound to it."""
        while not await self._pause(LOOK_EVERY_S):
            for server in self.servers:
                if server.is_running:
                    continue
                self.output.line(SELF, f"{server.name} ended; starting it again")
                try:
                    server.start()
                except Stop as reason:
                    self.output.line(SELF, str(reason))
                    await self._pause(LONGEST_PAUSE_S)

    async def _pause(self, seconds: float) -> bool:
        """Waits; true, and at once, when stopping."""
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was killed by {signal.Signals(-code).name}"
