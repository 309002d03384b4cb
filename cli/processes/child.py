"""Child processes that never outlive their parent, however it ends."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PR_SET_PDEATHSIG = 1

# Loaded before any fork: between fork and exec only plain system calls are safe.
_LIBC = ctypes.CDLL(None, use_errno=True)
HAS_PRCTL = hasattr(_LIBC, "prctl")


def leashed(argv: list[str], *, prctl: bool = HAS_PRCTL) -> tuple[list[str], Callable[[], None] | None]:
    """The command and the `preexec_fn` under which it gets SIGTERM when this process dies.

    On Linux the kernel sends it (when the *thread* that starts it ends, so start children from the main
    thread); elsewhere a guardian process stands in between.
    """
    parent = os.getpid()
    if not prctl:
        return [
            sys.executable,
            "-P",
            str(Path(__file__).with_name("guardian.py")),
            str(parent),
            *argv,
        ], None

    def die_with_parent() -> None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        # The parent may have died before the signal was registered.
        if os.getppid() != parent:
            os._exit(1)

    return argv, die_with_parent


def kill_group(pid: int) -> None:
    """Ends what is left of a child's session: a killed master leaves its workers behind."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
