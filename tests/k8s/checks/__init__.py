"""Importing this package puts every check into `tests.k8s.check.CHECKS`."""

from tests.k8s.checks import (
    configuration,
    exposure,
    identity,
    jobs,
    monitoring,
    network,
    pods,
    probes,
    references,
    resources,
    scaling,
    schema,
)

__all__ = [
    "configuration",
    "exposure",
    "identity",
    "jobs",
    "monitoring",
    "network",
    "pods",
    "probes",
    "references",
    "resources",
    "scaling",
    "schema",
]
