"""Names, labels, selectors and namespaces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.k8s.check import check
from tests.k8s.manifests import Manifests, called, selects

VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?")
PREFIX = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
RECOMMENDED = ("app.kubernetes.io/name", "app.kubernetes.io/component", "app.kubernetes.io/part-of")
OF_THE_CLUSTER = (
    "Namespace",
    "PriorityClass",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
)


@check
def names_and_labels_are_well_formed(manifests: Manifests) -> Iterator[str]:
    for document in manifests.documents:
        name = document["metadata"]["name"]
        if not NAME.fullmatch(name) or len(name) > 63:
            yield f"{called(document)}: {name!r} is no name"
        for labels in _labels(document):
            for key, value in labels.items():
                if not _is_key(key):
                    yield f"{called(document)}: {key!r} is no label"
                if not isinstance(value, str) or len(value) > 63 or not VALUE.fullmatch(value):
                    yield f"{called(document)}: {value!r} is no value of the label {key}"


def _labels(node: Any) -> Iterator[dict[str, Any]]:
    """Every set of labels in a document, selectors too."""
    if isinstance(node, dict):
        for key, child in node.items():
            if key in ("labels", "matchLabels") and isinstance(child, dict):
                yield child
            elif key != "annotations":
                yield from _labels(child)
    elif isinstance(node, list):
        for child in node:
            yield from _labels(child)


def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return (
        0 < len(name) <= 63
        and bool(VALUE.fullmatch(name))
        and (not slash or (len(prefix) <= 253 and bool(PREFIX.fullmatch(prefix))))
    )


@check
def workloads_select_their_own_pods(manifests: Manifests) -> Iterator[str]:
    pods = list(manifests.pods())
    for pod in pods:
        selector = pod.workload["spec"].get("selector")
        if selector is None:
            continue
        if not selects(selector, pod.labels):
            yield f"{pod.where}: its selector does not take the labels of its own pods"
        for other in pods:
            if other.where != pod.where and selects(selector, other.labels):
                yield f"{pod.where}: its selector takes the pods of {other.where} too"


@check
def selectors_find_pods(manifests: Manifests) -> Iterator[str]:
    if not manifests.is_whole:
        return
    pods = [pod.labels for pod in manifests.pods()]
    for where, document in manifests.of("Service", "PodDisruptionBudget", "NetworkPolicy", "PodMonitor"):
        spec = document["spec"]
        selector = {"matchLabels": spec["selector"]} if document["kind"] == "Service" else None
        selector = selector or spec.get("selector") or spec.get("podSelector")
        if not any(selects(selector or {}, labels) for labels in pods):
            yield f"{where}: its selector finds no pod"


@check
def pods_carry_the_recommended_labels(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        missing = [key for key in RECOMMENDED if key not in pod.labels]
        if pod.is_ours and missing:
            yield f"{pod.where}: its pods lack {', '.join(missing)}"


@check
def everything_is_in_the_overlays_namespace(manifests: Manifests) -> Iterator[str]:
    namespaces = {d["metadata"].get("namespace") for d in manifests.documents if d["kind"] != "Namespace"}
    expected = f"millwright-{'prod' if manifests.is_production else 'dev'}"
    for document in manifests.documents if manifests.is_overlay else ():
        if document["kind"] == "Namespace":
            if document["metadata"]["name"] != expected:
                yield f"{called(document)}: the overlay's namespace is {expected}"
        elif document["kind"] in OF_THE_CLUSTER:
            yield f"{called(document)}: belongs to the cluster, two overlays would fight over it"
        elif document["metadata"].get("namespace") != expected:
            yield f"{called(document)}: is in {namespaces}, not in {expected}"


@check
def namespaces_enforce_restricted_pods(manifests: Manifests) -> Iterator[str]:
    for where, document in manifests.of("Namespace"):
        labels = document["metadata"].get("labels", {})
        for mode in ("enforce", "warn", "audit"):
            level = labels.get(f"pod-security.kubernetes.io/{mode}")
            if level != "restricted":
                yield f"{where}: {mode} is {level}, not restricted"
            if not re.fullmatch(r"v1\.\d+", labels.get(f"pod-security.kubernetes.io/{mode}-version", "")):
                yield f"{where}: the version of {mode} is not pinned"
