"""Real workers, each killed with SIGKILL by itself at one step of a drain, the first or a later time it gets
there. Nothing of the product knows of it: its methods are wrapped here.

python -m tests.torture.doomed_process <directory> <step>:<time> ...

Forks a worker for each, so that one start pays for many deaths: the first when `<directory>/1` appears,
and so on. Says `died 1` when it is gone.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from adapters.broker.hints import _HintConsumer
from adapters.commands.unit_of_work import UnitOfWork
from adapters.process.clock import SystemClock
from cli.processes.child import leashed
from tests.support.trial import trial_catalogue
from workers import __main__ as worker
from workers import worker as app
from workers.worker import WorkerProcess

BEFORE: dict[str, tuple[type, str]] = {
    "fetched": (WorkerProcess, "_drain"),
    "folded": (UnitOfWork, "write"),
    "before commit": (UnitOfWork, "_commit"),
    "before ack": (_HintConsumer, "ack"),
}
AFTER: dict[str, tuple[type, str]] = {
    "heads read": (UnitOfWork, "heads"),
    "announced": (UnitOfWork, "announce"),
    "written": (UnitOfWork, "write"),
    "committed": (UnitOfWork, "_commit"),
    "acked": (_HintConsumer, "ack"),
}
UNTOLD = ("fetched", "heads read")
"""Nobody has been told yet of which commands it might die."""

TOLD = ("announced", "folded", "written", "before commit")
COMMITTED = ("committed", "before ack", "acked")


def doom(step: str, time: int) -> None:
    """Die before that call, the `time`-th time it is made, or after the `time`-th that has not failed: a
    write that met somebody's transaction has written nothing, and would use up the only chance to die."""
    owner, name = (BEFORE | AFTER)[step]
    original: Callable[..., Any] = getattr(owner, name)
    times = count(1)

    def wrapped(*arguments: Any, **options: Any) -> Any:
        if step in BEFORE and next(times) == time:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = original(*arguments, **options)
        if step in AFTER and next(times) == time:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, wrapped)


def main(directory: str, *fates: str) -> None:
    setattr(app, "catalogue", trial_catalogue)  # noqa: B010 - mypy forbids the plain assignment
    clock = SystemClock()
    for number, fate in enumerate(fates, start=1):
        step, _, time = fate.partition(":")
        while not (Path(directory) / str(number)).exists():
            clock.sleep(0.01)
        _, leash = leashed([])
        if not (child := os.fork()):
            if leash:
                leash()
            doom(step, int(time))
            os._exit(worker.main())
        _, status = os.waitpid(child, 0)
        assert status == signal.SIGKILL, f"{step}: {status}"
        print(f"died {number}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
