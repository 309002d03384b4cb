"""What a PromQL expression reads: its series, and the labels it matches them by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import promql_parser

from tests.k8s.program import metric_labels

OF_THE_SCRAPE = frozenset({"namespace", "pod", "job", "instance", "container"})
"""Labels that Prometheus gives to every series of ours."""

FOREIGN: Mapping[str, frozenset[str]] = {
    "kube_pod_container_status_restarts_total": frozenset({"namespace", "pod", "container"}),
    "kube_horizontalpodautoscaler_status_current_replicas": frozenset(
        {"namespace", "horizontalpodautoscaler"}
    ),
    "kube_horizontalpodautoscaler_spec_max_replicas": frozenset({"namespace", "horizontalpodautoscaler"}),
    "kube_horizontalpodautoscaler_status_condition": frozenset(
        {"namespace", "horizontalpodautoscaler", "condition", "status"}
    ),
    "kube_job_status_failed": frozenset({"namespace", "job_name", "reason"}),
    "kube_cronjob_status_last_successful_time": frozenset({"namespace", "cronjob"}),
    "externalsecret_status_condition": frozenset({"namespace", "name", "condition", "status"}),
}
"""Series of kube-state-metrics and the External Secrets Operator."""


def series(expression: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Each series and the labels it is matched by. Raises: ValueError: it is no PromQL."""
    found: list[tuple[str, frozenset[str]]] = []

    def visit(node: Any) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append((node.name or "", frozenset(one.name for one in node.matchers.matchers)))
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    yield from found


def faults(expression: str, recorded: frozenset[str]) -> Iterator[str]:
    """What an expression reads that nobody writes."""
    try:
        read = list(series(expression))
    except ValueError as error:
        yield f"{expression!r} is no PromQL: {error}"
        return
    for name, matched in read:
        if name in recorded:
            continue
        known = {**metric_labels(), **FOREIGN}.get(name)
        if known is None:
            yield f"nobody writes {name!r}"
        elif unknown := matched - known - OF_THE_SCRAPE:
            yield f"{name} has no label {', '.join(sorted(unknown))}"
