"""The way in from the internet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from adapters.blobs.store import MAX_BYTES
from tests.k8s.check import check
from tests.k8s.checks.configuration import variables
from tests.k8s.manifests import Document, Manifests
from tests.k8s.program import web_paths

PATH_TYPES = ("Exact", "Prefix")
INSIDE = ("/metrics",)
"""What is for Prometheus alone."""

SIZE = {"k": 2**10, "m": 2**20, "g": 2**30}
UPLOAD_S = 300
"""An upload may take so long."""


@check
def paths_say_how_they_match(manifests: Manifests) -> Iterator[str]:
    for where, ingress in manifests.of("Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                if path.get("pathType") not in PATH_TYPES or not path.get("path", "").startswith("/"):
                    yield f"{where}: {path.get('path')!r} as {path.get('pathType')!r}"


@check
def the_ingress_leads_to_a_service(manifests: Manifests) -> Iterator[str]:
    services = {document["metadata"]["name"]: document for _, document in manifests.of("Service")}
    for where, ingress in manifests.of("Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                ports = services.get(backend["name"], {"spec": {"ports": []}})["spec"]["ports"]
                port = backend["port"]
                if not any(
                    port.get("name") == one["name"] or port.get("number") == one["port"] for one in ports
                ):
                    yield f"{where}: leads to {backend['name']}:{port}, which no Service has"


@check
def the_ingress_shows_everything_but_metrics(manifests: Manifests) -> Iterator[str]:
    for where, ingress in manifests.of("Ingress"):
        paths = [path for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
        for route in sorted(web_paths()):
            if _leads_there(paths, route) == (route in INSIDE):
                yield f"{where}: {route} is {'for everybody' if route in INSIDE else 'out of reach'}"


def _leads_there(paths: list[Document], route: str) -> bool:
    """Whether a request for a route of the web process gets through."""
    return any(
        route == path["path"]
        or (path["pathType"] == "Prefix" and (route + "/").startswith(path["path"].rstrip("/") + "/"))
        for path in paths
    )


@check
def every_host_has_a_certificate(manifests: Manifests) -> Iterator[str]:
    for where, ingress in manifests.of("Ingress"):
        covered = {host for tls in ingress["spec"].get("tls", []) for host in tls["hosts"]}
        for rule in ingress["spec"]["rules"]:
            if rule.get("host") not in covered:
                yield f"{where}: {rule.get('host')} has no certificate"
        annotations = ingress["metadata"].get("annotations", {})
        if (
            annotations.get("nginx.org/redirect-to-https") != "True"
            or annotations.get("nginx.org/hsts") != "True"
        ):
            yield f"{where}: lets browsers come without TLS"


@check
def the_ingress_lets_through_what_is_allowed(manifests: Manifests) -> Iterator[str]:
    for where, ingress in manifests.of("Ingress"):
        annotations = ingress["metadata"].get("annotations", {})
        size = re.fullmatch(r"(\d+)([kmg])", annotations.get("nginx.org/client-max-body-size", "1m"))
        if not size or int(size[1]) * SIZE[size[2]] < MAX_BYTES:
            yield f"{where}: refuses files that the application takes ({MAX_BYTES} bytes)"
        for side in ("read", "send"):
            timeout = re.fullmatch(r"(\d+)s", annotations.get(f"nginx.org/proxy-{side}-timeout", "60s"))
            if not timeout or int(timeout[1]) < UPLOAD_S:
                yield f"{where}: cuts an upload or a stream ({side} timeout)"


@check
def browsers_are_told_the_ingress_host(manifests: Manifests) -> Iterator[str]:
    hosts = {rule["host"] for _, ingress in manifests.of("Ingress") for rule in ingress["spec"]["rules"]}
    for pod in manifests.pods() if hosts else ():
        given = variables(manifests, pod) if pod.is_ours else {}
        for name in ("FRONTEND_URL", "CORS_ORIGIN"):
            if name in given and urlsplit(given[name].split(",")[0]).hostname not in hosts:
                yield f"{pod.where}: {name} is {given[name]}, the ingress is {', '.join(sorted(hosts))}"
        if (
            given.get("FORWARDED_ALLOW_IPS", "127.0.0.1") == "127.0.0.1"
            and pod.spec["containers"][0]["name"] == "web"
        ):
            yield f"{pod.where}: takes the ingress for the caller of every request"
