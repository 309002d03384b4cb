"""Every check, by its name: importing this package gathers them."""

from tests.k8s.check import CHECKS, faults
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
    "CHECKS",
    "configuration",
    "exposure",
    "faults",
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
