"""All schedules, collected from this package."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import schedules
from schedules.declaration import Schedule


@cache
def table() -> dict[str, Schedule]:
    """All schedules by name, sorted. Raises: RuntimeError: two files declare one name."""
    schedules_by_name: dict[str, Schedule] = {}
    for info in pkgutil.iter_modules(schedules.__path__, "schedules."):
        schedule = getattr(importlib.import_module(info.name), "SCHEDULE", None)
        if isinstance(schedule, Schedule):
            if schedule.name in schedules_by_name:
                raise RuntimeError(f"schedule {schedule.name} is declared twice")
            schedules_by_name[schedule.name] = schedule
    return dict(sorted(schedules_by_name.items()))
