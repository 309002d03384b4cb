"""Who may speak with whom: nothing by default, and exactly what is needed."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

from tests.k8s.check import check
from tests.k8s.manifests import Document, Manifests, Pod, selects

METADATA = ip_network("169.254.169.254/32")
PRIVATE = [ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
STORE_PORTS = (27017, 6379)
INGRESS_NAMESPACE, MONITORING_NAMESPACE = "nginx-ingress", "monitoring"


def policies(manifests: Manifests, pod: Pod, direction: str) -> Iterator[Document]:
    """The specs of the policies that hold for a pod in this direction."""
    for _, policy in manifests.of("NetworkPolicy"):
        spec = policy["spec"]
        if direction in spec.get("policyTypes", ["Ingress"]) and selects(spec["podSelector"], pod.labels):
            yield spec


def egress(manifests: Manifests, pod: Pod) -> Iterator[tuple[list[Document], list[tuple[str, Any]]]]:
    """What a pod may reach: peers, and protocol and port of each rule."""
    for spec in policies(manifests, pod, "Egress"):
        for rule in spec.get("egress", []):
            ports = [(port.get("protocol", "TCP"), port.get("port")) for port in rule.get("ports", [])]
            yield rule.get("to", []), ports


@check
def nothing_is_open_by_default(manifests: Manifests) -> Iterator[str]:
    if not manifests.is_whole:
        return
    for pod in manifests.pods():
        for direction in ("Ingress", "Egress"):
            shut = [
                spec
                for spec in policies(manifests, pod, direction)
                if spec["podSelector"] == {} and not spec.get(direction.lower())
            ]
            if not shut:
                yield f"{pod.where}: no policy denies {direction} by default"
    for where, policy in manifests.of("NetworkPolicy"):
        for rule in [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]:
            if not rule.get("ports") or not (rule.get("from") or rule.get("to")):
                yield f"{where}: a rule without peers or ports opens everything"


@check
def names_can_be_looked_up(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods() if manifests.is_whole else ():
        allowed = {port for _, ports in egress(manifests, pod) for port in ports}
        if not {("UDP", 53), ("TCP", 53)} <= allowed:
            yield f"{pod.where}: cannot ask DNS by UDP and TCP"


@check
def processes_reach_the_stores(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods() if manifests.is_whole else ():
        allowed = {port for _, ports in egress(manifests, pod) for _, port in ports}
        for port in STORE_PORTS:
            if pod.is_ours and port not in allowed:
                yield f"{pod.where}: cannot reach the stores at port {port}"


@check
def stores_let_processes_in(manifests: Manifests) -> Iterator[str]:
    stores = [
        pod
        for pod in manifests.pods()
        if pod.labels.get("app.kubernetes.io/component") in ("mongo", "valkey")
    ]
    for store in stores:
        peers = [
            peer["podSelector"]
            for spec in policies(manifests, store, "Ingress")
            for rule in spec.get("ingress", [])
            for peer in rule["from"]
            if "podSelector" in peer
        ]
        for pod in manifests.pods():
            if pod.is_ours and not any(selects(peer, pod.labels) for peer in peers):
                yield f"{store.where}: does not let {pod.where} in"


@check
def the_metadata_service_is_out_of_reach(manifests: Manifests) -> Iterator[str]:
    for where, policy in manifests.of("NetworkPolicy"):
        for rule in policy["spec"].get("egress", []):
            for block in (peer["ipBlock"] for peer in rule.get("to", []) if "ipBlock" in peer):
                open_to = ip_network(block["cidr"])
                excepted = [ip_network(text) for text in block.get("except", [])]
                for private in (METADATA, *PRIVATE):
                    if open_to.prefixlen < 8 and _reaches(open_to, private, excepted):
                        yield f"{where}: {block['cidr']} leads to {private}"


def _reaches(open_to: Any, private: Any, excepted: list[Any]) -> bool:
    if open_to.version != private.version or not private.subnet_of(open_to):
        return False
    return not any(private.subnet_of(one) for one in excepted if one.version == private.version)


@check
def only_workers_send_outside(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods() if manifests.is_whole else ():
        reaches = any(
            "ipBlock" in peer and ip_network(peer["ipBlock"]["cidr"]).prefixlen < 8
            for peers, _ in egress(manifests, pod)
            for peer in peers
        )
        component = pod.labels.get("app.kubernetes.io/component")
        if reaches != (component == "worker"):
            yield f"{pod.where}: {'can' if reaches else 'cannot'} reach the internet"


@check
def what_is_served_can_be_reached(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods() if manifests.is_whole else ():
        for container in pod.spec["containers"] if pod.is_ours else ():
            let_in = dict(_let_in(manifests, pod))
            for port in container.get("ports", []):
                needed = {MONITORING_NAMESPACE} | ({INGRESS_NAMESPACE} if port["name"] == "http" else set())
                missing = needed - {namespace for namespace, ports in let_in.items() if port["name"] in ports}
                if missing:
                    yield f"{pod.where}: {', '.join(sorted(missing))} cannot reach its port {port['name']}"


def _let_in(manifests: Manifests, pod: Pod) -> Iterator[tuple[str, set[Any]]]:
    by_namespace: dict[str, set[Any]] = {}
    for spec in policies(manifests, pod, "Ingress"):
        for rule in spec.get("ingress", []):
            for peer in rule.get("from", []):
                labels = peer.get("namespaceSelector", {}).get("matchLabels", {})
                namespace = labels.get("kubernetes.io/metadata.name", "")
                by_namespace.setdefault(namespace, set()).update(port["port"] for port in rule["ports"])
    yield from by_namespace.items()
