"""Every command there is, found by walking this package: adding a file adds a command."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from types import ModuleType

import tasks
from tasks.command import Spec

Catalogue = Mapping[str, Spec]


@cache
def catalogue() -> Catalogue:
    """All commands by wire name, sorted.

    Raises: RuntimeError: two files claim one name; TypeError: a payload names no target.
    """
    found: dict[str, Spec] = {}
    for module in _modules(tasks):
        for value in vars(module).values():
            spec = getattr(value, "spec", None)
            if not isinstance(spec, Spec) or value.__module__ != module.__name__:
                continue
            if spec.type in found:
                raise RuntimeError(f"{spec.type} is declared in {module.__name__} and elsewhere")
            found[spec.type] = spec
    return dict(sorted(found.items()))


def contended(catalogue: Catalogue) -> Mapping[str, frozenset[str]]:
    """By kind of target, the fields for which commands contend."""
    found: dict[str, frozenset[str]] = {}
    for spec in catalogue.values():
        found[spec.kind] = found.get(spec.kind, frozenset()).union(spec.touches)
    return found


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(info.name)
