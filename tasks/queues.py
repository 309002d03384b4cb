"""The classes of work, each with hints, threads and workers of its own: a backlog of one delays no other."""

from typing import Literal

Queue = Literal["interactive", "offline", "bulk", "time"]
QUEUES: tuple[Queue, ...] = ("interactive", "offline", "bulk", "time")
"""In the order in which a worker that has several prefers them."""
