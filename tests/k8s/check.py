"""The list of all checks. A check gets what an overlay renders to and yields one sentence for each fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.k8s.manifests import Manifests

Check = Callable[[Manifests], Iterator[str]]

CHECKS: dict[str, Check] = {}


def check(rule: Check) -> Check:
    """Puts a rule under its own name into CHECKS."""
    CHECKS[rule.__name__] = rule
    return rule


def faults(manifests: Manifests) -> dict[str, list[str]]:
    """The faults by check; checks without a fault are left out."""
    found = {name: list(rule(manifests)) for name, rule in CHECKS.items()}
    return {name: sentences for name, sentences in found.items() if sentences}
