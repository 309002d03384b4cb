"""What the page on deploying says is so: its commands run, its paths exist, nothing to change is left out."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from adapters.settings.table import ROOT, table
from tests.docs.pages import between, blocks
from tests.k8s.checks.configuration import secret_keys
from tests.k8s.checks.schema import SUPPORTED
from tests.k8s.manifests import K8S, load, parsed

PAGE = ROOT / "docs" / "deploying.md"
NEED_MORE = ("docker", "helm", "sudo")
"""Words that begin what needs Docker, a cluster or another machine; so does kubectl, but for `kustomize`."""

PLACEHOLDERS = ("example.com", "0" * 64, "10.20.0.0/24", "10.20.1.0/24", "10.244.0.0/16", "letsencrypt")


def commands() -> list[str]:
    """Every command of the page, continued lines joined."""
    return [
        line
        for block in blocks(PAGE)
        if block.language == "sh"
        for line in block.text.replace("\\\n", " ").splitlines()
        if line.strip()
    ]


def runs_here(command: str) -> bool:
    words = shlex.split(command)
    if words[0] == "kubectl":
        return words[1] == "kustomize"
    # This very suite.
    return words[0] not in NEED_MORE and words[:2] != ["make", "check-deploy"]


def test_every_command_that_needs_no_cluster_runs(mongo_uri: str, redis_url: str, tmp_path: Path) -> None:
    environment = {
        "APP_ENV": "production",
        "MONGO_URI": mongo_uri,
        "REDIS_URL": redis_url,
        "JWT_SECRET": "5dUe8hXwq2-of-the-page-5dUe8hXwq2-5dUe8hXwq2",
        "CORS_ORIGIN": "https://millwright.example.com",
        "FRONTEND_URL": "https://millwright.example.com",
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.defpath}:/usr/local/bin",
        "HOME": str(tmp_path),
    }
    here = [command for command in commands() if runs_here(command)]

    for command in here:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"

    assert len(here) >= 8


def test_every_file_that_is_named_exists() -> None:
    named = set(re.findall(r"(?<![\w/])((?:k8s|systemd|docs|\.github)/[\w./*-]+)", PAGE.read_text()))

    assert len(named) > 10
    for name in named:
        assert list(ROOT.glob(name.rstrip("/."))), name


@pytest.mark.parametrize("command", [line for line in commands() if re.match(r"kubectl .*apply", line)])
def test_what_is_applied_can_be_built_or_read(command: str) -> None:
    kind, place = re.findall(r"-(k|f) (\S+)", command)[0]

    assert parsed(ROOT / place) if kind == "k" else (ROOT / place).is_file()


def test_every_secret_that_production_reads_is_explained() -> None:
    (keys,) = secret_keys(load("overlays/prod")).values()
    rows = " ".join(re.findall(r"^\| (`[a-z`, -]+) \|", PAGE.read_text(), re.MULTILINE))
    explained = set(re.findall(r"`([a-z-]+)`", rows))

    assert keys <= explained
    for key in keys:
        assert f"--from-file={key}" in PAGE.read_text()


def test_every_setting_that_is_named_exists() -> None:
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)(?:=[^`]*)?`", PAGE.read_text())) - {"NAME_FILE"}

    assert named
    assert {name.removesuffix("_FILE") for name in named} <= {row.name for row in table()}


def test_every_placeholder_of_production_is_in_the_table() -> None:
    table = between(PAGE, "placeholders")
    listed = set(re.findall(r"^\| `(k8s/[^`]+)` \|", table, re.MULTILINE))
    development = K8S / "overlays" / "dev"

    for file in K8S.rglob("*"):
        if not file.is_file() or development in file.parents or "checkov" in file.parts:
            continue
        if ".example." in file.name:
            continue
        if any(word in file.read_text() for word in PLACEHOLDERS):
            assert str(file.relative_to(ROOT)) in listed, file
    for name in listed:
        assert (ROOT / name).is_file()


def test_the_versions_of_kubernetes_are_those_that_are_checked() -> None:
    assert f"Kubernetes {SUPPORTED[0]} to {SUPPORTED[1]}" in PAGE.read_text()
