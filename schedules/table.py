"""Every schedule there is."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import schedules
from schedules.declaration import Schedule


@cache
def table() -> dict[str, Schedule]:
    """By name, sorted. Raises: RuntimeError: two files claim one name."""
    found: dict[str, Schedule] = {}
    for info in pkgutil.iter_modules(schedules.__path__, "schedules."):
        schedule = getattr(importlib.import_module(info.name), "SCHEDULE", None)
        if isinstance(schedule, Schedule):
            if schedule.name in found:
                raise RuntimeError(f"schedule {schedule.name} is declared twice")
            found[schedule.name] = schedule
    return dict(sorted(found.items()))
