"""One server program run as a child of this process."""

import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from adapters.process.clock import Clock, SystemClock
from cli.processes.child import leashed
from cli.stop import Stop

START_WITHIN_S = 60.0
STOP_WITHIN_S = 20.0
LOOK_EVERY_S = 0.03


@dataclass(kw_only=True)
class Server:
    """Starts, stops and kills one server; `ready` tells whether it can serve, `explain` why it ended."""

    name: str
    argv: list[str]
    log: Path
    ready: Callable[[], bool]
    explain: Callable[[str, int], str]
    """May raise a more exact Stop instead."""
    clock: Clock = field(default_factory=SystemClock)
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self.process is None:
            raise Stop(f"{self.name} was not started.")
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Returns when the server is ready. Raises: Stop: it ended, or is not ready within a minute."""
        argv, preexec = leashed(self.argv)
        with self.log.open("ab") as out:
            # A session of its own: Ctrl-C in the terminal is for the parent, which stops servers last.
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=preexec,  # noqa: PLW1509 - one prctl call, loaded before the fork
            )
        try:
            self._wait()
        except BaseException:
            self.kill()
            raise

    def _wait(self) -> None:
        deadline = self.clock.monotonic() + START_WITHIN_S
        while not self.ready():
            if not self.is_running:
                raise Stop(self.explain(self._tail(), self.process.returncode if self.process else 1))
            if self.clock.monotonic() > deadline:
                raise Stop(f"{self.name} was not ready within {START_WITHIN_S:.0f} s: see {self.log}.")
            self.clock.sleep(LOOK_EVERY_S)

    def _tail(self) -> str:
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 64_000))
            return log.read().decode(errors="replace")

    def stop(self) -> None:
        """Sends SIGTERM, later SIGKILL; does nothing if it is not running."""
        if self.process is None or not self.is_running:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends it as `kill -9` does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
