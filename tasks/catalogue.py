"""All commands, collected by walking this package: adding a file adds a command."""

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

    Raises: RuntimeError: two files declare one name; TypeError: a payload names no target.
    """
    specs: dict[str, Spec] = {}
    for module in _modules(tasks):
        for value in vars(module).values():
            spec = getattr(value, "spec", None)
            if not isinstance(spec, Spec) or value.__module__ != module.__name__:
                continue
            if spec.type in specs:
                raise RuntimeError(f"{spec.type} is declared in {module.__name__} and elsewhere")
            specs[spec.type] = spec
    return dict(sorted(specs.items()))


def contended(catalogue: Catalogue) -> Mapping[str, frozenset[str]]:
    """By kind of target, the fields for which commands contend (their `touches`)."""
    fields: dict[str, frozenset[str]] = {}
    for spec in catalogue.values():
        fields[spec.kind] = fields.get(spec.kind, frozenset()).union(spec.touches)
    return fields


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(info.name)
