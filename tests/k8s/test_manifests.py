"""The manifests keep every rule, and each rule notices the mistakes that it is there for."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.k8s.checks import CHECKS, faults
from tests.k8s.manifests import EXAMPLES, K8S, NAMESPACED, kubectl, load
from tests.k8s.mutations import MUTATIONS, Mutation, mutate


@pytest.mark.parametrize("overlay", [*NAMESPACED, *EXAMPLES])
def test_an_overlay_keeps_every_rule(overlay: str) -> None:
    assert faults(load(overlay)) == {}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: f"{one.target} {one.path} {one.value}"[:120])
def test_a_mistake_is_noticed_by_its_rule(mutation: Mutation) -> None:
    manifests = load(mutation.overlay)
    mutate(manifests.documents, mutation)

    assert list(CHECKS[mutation.check](manifests)), f"{mutation.check} finds nothing wrong"


def test_every_rule_has_a_mistake_that_it_notices() -> None:
    assert set(CHECKS) - {mutation.check for mutation in MUTATIONS} == set()


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    shutil.copytree(K8S, tmp_path / "k8s")
    file = tmp_path / "k8s" / "base" / "scheduler" / "deployment.yaml"
    file.write_text(file.read_text().replace("  replicas: 2\n", "  replicas: 2\n  replicas: 3\n"))

    built = subprocess.run(
        [kubectl(), "kustomize", tmp_path / "k8s" / "overlays" / "prod"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert built.returncode != 0
    assert "replicas" in built.stderr
