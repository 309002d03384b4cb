"""Stands between a parent and its child where the kernel cannot signal a child whose parent died.

`python -m cli.processes.guardian PARENT_PID COMMAND…` runs the command, passes signals on,
exits as it does, and stops it when the parent is gone, even by `kill -9`.
"""

import os
import signal
import subprocess
import sys
from types import FrameType

LOOK_EVERY_S = 0.5
GRACE_S = 10.0


def main(arguments: list[str]) -> int:
    parent, command = int(arguments[0]), arguments[1:]
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        if child is None:
            early.append(number)
        else:
            child.send_signal(number)

    # Before there is a child: a signal in between would end the guardian alone and orphan the command.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, forward)
    child = subprocess.Popen(command)
    for missed in early:
        child.send_signal(missed)
    return _watch(child, parent)


def _watch(child: subprocess.Popen[bytes], parent: int) -> int:
    while True:
        try:
            return child.wait(timeout=LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            if os.getppid() != parent:
                return _end(child)


def _end(child: subprocess.Popen[bytes]) -> int:
    child.terminate()
    try:
        return child.wait(timeout=GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
