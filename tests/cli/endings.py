"""Waiting for processes that are not our children to end, without sleeping."""

import os
import select


def ended(pid: int, *, within_s: float = 20.0) -> bool:
    """Whether the process is gone, or goes within that time."""
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watch], [], [], within_s)[0])
    finally:
        os.close(watch)
