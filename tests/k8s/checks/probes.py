"""Ports, and what asks on them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.k8s.check import check
from tests.k8s.manifests import Document, Manifests, Pod, selects
from tests.k8s.program import is_served

PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9](-?[a-z0-9])*")
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def port_names(container: Document) -> list[str]:
    return [port["name"] for port in container.get("ports", []) if "name" in port]


def numbers(container: Document) -> list[int]:
    return [port["containerPort"] for port in container.get("ports", [])]


def leads_to(port: str | int, container: Document) -> bool:
    """Whether a container has this port, by name or number."""
    return port in (port_names(container) if isinstance(port, str) else numbers(container))


@check
def ports_have_proper_names(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        names = [name for container in pod.containers for name in port_names(container)]
        for name in names:
            if len(name) > 15 or not PORT_NAME.fullmatch(name):
                yield f"{pod.where}: {name!r} is no name of a port (15 characters, a-z, 0-9, -)"
        if len(names) != len(set(names)):
            yield f"{pod.where}: two of its ports have one name"


@check
def probes_ask_what_is_served(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        for container in pod.containers:
            for kind in PROBES:
                if probe := container.get(kind):
                    yield from _asks_well(pod, container, kind, probe)


def _asks_well(pod: Pod, container: Document, kind: str, probe: Document) -> Iterator[str]:
    where = f"{pod.where}, {kind}"
    request = probe.get("httpGet") or probe.get("tcpSocket")
    if request and not leads_to(request["port"], container):
        yield f"{where}: asks on {request['port']}, which {container['name']} does not have"
    if not pod.is_ours:
        return
    path = probe.get("httpGet", {}).get("path", "")
    if not is_served(container["name"], path):
        yield f"{where}: {container['name']} does not serve {path!r}"
    # An outage of MongoDB must not restart the fleet: only `ready` may ask for it.
    if (path.rpartition("/")[2] == "ready") != (kind == "readinessProbe"):
        yield f"{where}: asks {path!r}"


@check
def processes_are_probed(manifests: Manifests) -> Iterator[str]:
    for where, document in manifests.of("Deployment", "StatefulSet"):
        for container in document["spec"]["template"]["spec"]["containers"]:
            needed = (
                PROBES
                if where.partition("/")[2].split("-")[0] in ("web", "worker", "scheduler")
                else PROBES[1:]
            )
            for kind in needed:
                if kind not in container:
                    yield f"{where}: {container['name']} has no {kind}"


@check
def services_lead_to_ports(manifests: Manifests) -> Iterator[str]:
    for where, service in manifests.of("Service"):
        selector = {"matchLabels": service["spec"]["selector"]}
        targets = [pod for pod in manifests.pods() if selects(selector, pod.labels)]
        for port in service["spec"]["ports"]:
            target = port.get("targetPort", port["port"])
            for pod in targets:
                if not any(leads_to(target, container) for container in pod.spec["containers"]):
                    yield f"{where}: leads to port {target}, which {pod.where} does not have"
