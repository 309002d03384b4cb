"""The manifests as a cluster would get them: rendered by kustomize, with the questions that checks ask."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from adapters.settings.table import ROOT

K8S = ROOT / "k8s"
NAMESPACED = (
    "overlays/dev",
    "overlays/prod",
    "variants/prod-keda",
    "overlays/dev/migrate",
    "overlays/prod/migrate",
)
EXAMPLES = ("jobs/mongo-backup-cronjob.example.yaml",)
WORKLOADS = ("Deployment", "StatefulSet", "Job", "CronJob")

Document = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    """One pod template, with the workload that makes it."""

    where: str
    workload: Document
    labels: Mapping[str, str]
    spec: Document

    @property
    def containers(self) -> list[Document]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def is_ours(self) -> bool:
        """Whether it runs the application's own image."""
        return self.labels.get("app.kubernetes.io/name") == "millwright"


@dataclass(frozen=True)
class Manifests:
    """What one overlay renders to; `cluster` is what the cluster has beside it."""

    name: str
    documents: list[Document]
    cluster: list[Document]

    def of(self, *kinds: str) -> Iterator[tuple[str, Document]]:
        """The objects of these kinds, each with its name as `Kind/name`."""
        for document in self.documents:
            if document.get("kind") in kinds:
                yield called(document), document

    def names(self, kind: str) -> set[str]:
        return {document["metadata"]["name"] for _, document in self.of(kind)}

    def pods(self) -> Iterator[Pod]:
        for where, document in self.of(*WORKLOADS):
            spec = document["spec"]
            if document["kind"] == "CronJob":
                spec = spec["jobTemplate"]["spec"]
            template = spec["template"]
            yield Pod(where, document, template["metadata"].get("labels", {}), template["spec"])

    @property
    def is_production(self) -> bool:
        return "prod" in self.name

    @property
    def is_overlay(self) -> bool:
        return self.name not in EXAMPLES

    @property
    def is_whole(self) -> bool:
        """Whether this is an overlay with all processes, not the migration alone."""
        return any(document["kind"] == "Namespace" for document in self.documents)


def called(document: Document) -> str:
    return f"{document.get('kind')}/{document.get('metadata', {}).get('name')}"


def selects(selector: Document, labels: Mapping[str, str]) -> bool:
    """Whether a label selector (matchLabels, matchExpressions) takes these labels; an empty one takes all."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for rule in selector.get("matchExpressions", []):
        value, values = labels.get(rule["key"]), rule.get("values", [])
        fits = {
            "In": value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not fits[rule["operator"]]:
            return False
    return True


def kubectl() -> str:
    found = shutil.which("kubectl", path=str(ROOT / ".venv" / "bin"))
    assert found, "kubectl is missing: run `make check-deploy`, which installs it"
    return found


@cache
def render(directory: Path) -> str:
    """The YAML of a kustomization, as `kubectl apply -k` would send it."""
    built = subprocess.run([kubectl(), "kustomize", directory], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return built.stdout


def load(name: str) -> Manifests:
    """A fresh copy each time: a test may change it."""
    return Manifests(name, deepcopy(parsed(K8S / name)), parsed(K8S / "cluster"))


@cache
def parsed(place: Path) -> list[Document]:
    """The objects of a kustomization, or of a file that none names."""
    return list(yaml.safe_load_all(place.read_text() if place.is_file() else render(place)))
