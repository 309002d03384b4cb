"""Finds the migrations: modules `mNNNN_name` of this package, each with `up(db)` and `down(db)`."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from pymongo.database import Database

MODULE = re.compile(r"m(\d{4})_(\w+)")

Change = Callable[[Database[dict[str, Any]]], object]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One migration; `checksum` is of its source, so that an edit after the fact shows."""

    number: int
    name: str
    checksum: str
    up: Change
    down: Change

    def __str__(self) -> str:
        return f"{self.number:04d} {self.name}"


def discover(package: ModuleType) -> list[Step]:
    """The package's steps in order. Raises: ValueError: two share a number."""
    steps = [
        _step(import_module(f"{package.__name__}.{module.name}"), match)
        for module in iter_modules(package.__path__)
        if (match := MODULE.fullmatch(module.name))
    ]
    numbers = [step.number for step in steps]
    if len(set(numbers)) != len(numbers):
        raise ValueError(f"two migrations share a number: {numbers}")
    return sorted(steps, key=lambda step: step.number)


def _step(module: ModuleType, match: re.Match[str]) -> Step:
    source = Path(str(module.__file__)).read_text(encoding="utf-8")
    return Step(
        number=int(match[1]),
        name=match[2],
        checksum=hashlib.sha256(source.encode()).hexdigest(),
        up=module.up,
        down=module.down,
    )
