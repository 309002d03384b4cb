"""What is scraped, recorded and alerted on: by names that the code writes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import PurePosixPath

import yaml

from adapters.settings.table import ROOT
from tests.k8s import promql
from tests.k8s.check import check
from tests.k8s.checks.probes import leads_to
from tests.k8s.manifests import K8S, Document, Manifests, selects
from tests.k8s.program import is_served

RUNBOOKS = ROOT / "docs" / "runbooks"
SEVERITIES = ("page", "ticket")
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def rules(manifests: Manifests) -> Iterator[tuple[str, Document]]:
    """Each rule of every PrometheusRule, with where it stands."""
    for where, document in manifests.of("PrometheusRule"):
        for group in document["spec"]["groups"]:
            for rule in group["rules"]:
                yield f"{where}, {rule.get('alert') or rule.get('record')}", rule


@cache
def recorded() -> frozenset[str]:
    """The series that our own rules write."""
    text = (K8S / "components" / "monitoring" / "recording.yaml").read_text()
    groups = yaml.safe_load(text)["spec"]["groups"]
    return frozenset(rule["record"] for group in groups for rule in group["rules"])


@check
def rules_read_what_is_written(manifests: Manifests) -> Iterator[str]:
    for where, rule in rules(manifests):
        for fault in promql.faults(rule["expr"], recorded()):
            yield f"{where}: {fault}"


@check
def scalers_read_what_is_written(manifests: Manifests) -> Iterator[str]:
    for where, document in manifests.of("ScaledObject"):
        queue = document["spec"]["scaleTargetRef"]["name"].removeprefix("worker-")
        namespace = document["metadata"]["namespace"]
        for trigger in document["spec"]["triggers"]:
            query = trigger["metadata"]["query"]
            for fault in promql.faults(query, recorded()):
                yield f"{where}: {fault}"
            if f'queue="{queue}"' not in query or f'namespace="{namespace}"' not in query:
                yield f"{where}: goes by other work than its own: {query}"


@check
def alerts_tell_what_to_do(manifests: Manifests) -> Iterator[str]:
    names: list[str] = []
    for where, rule in rules(manifests):
        if "alert" not in rule:
            continue
        names.append(rule["alert"])
        page = PurePosixPath(rule.get("annotations", {}).get("runbook_url", ""))
        if page.stem != rule["alert"] or not (RUNBOOKS / page.name).is_file():
            yield f"{where}: its runbook {page.name!r} is not its own or not there"
        if rule.get("labels", {}).get("severity") not in SEVERITIES:
            yield f"{where}: neither pages anybody nor is a ticket"
        if not rule.get("annotations", {}).get("summary"):
            yield f"{where}: does not say what is wrong"
    if len(names) != len(set(names)):
        yield "two alerts have one name"


@check
def every_process_is_scraped(manifests: Manifests) -> Iterator[str]:
    monitors = [document["spec"] for _, document in manifests.of("PodMonitor")]
    for pod in manifests.pods() if monitors else ():
        for container in pod.spec["containers"]:
            if not pod.is_ours or not container.get("ports"):
                continue
            scraped = [
                endpoint
                for spec in monitors
                if selects(spec["selector"], pod.labels)
                for endpoint in spec["podMetricsEndpoints"]
                if leads_to(endpoint["port"], container)
            ]
            if len(scraped) != 1 or not is_served(container["name"], scraped[0]["path"]):
                yield f"{pod.where}: its metrics are scraped {len(scraped)} times, or where there are none"


@check
def scrapes_end_before_the_next(manifests: Manifests) -> Iterator[str]:
    for where, document in manifests.of("PodMonitor"):
        for endpoint in document["spec"]["podMetricsEndpoints"]:
            if seconds(endpoint["scrapeTimeout"]) > seconds(endpoint["interval"]):
                yield f"{where}: scrapeTimeout is longer than interval, Prometheus refuses it"


def seconds(text: str) -> timedelta:
    """A duration of one number and one unit."""
    number, unit = (text[:-2], text[-2:]) if text.endswith("ms") else (text[:-1], text[-1:])
    return timedelta(seconds=int(number) * UNITS[unit])
