"""The workflows run targets that exist and trust no name that can move."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.settings.table import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def jobs(workflow: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(workflow.read_text())["jobs"]
    return found


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda one: str(one.name))
def test_a_workflow_runs_what_the_makefile_has(workflow: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    named = set(re.findall(r"\bmake ([a-z-]+)", workflow.read_text()))

    assert named <= targets


def test_what_ci_run_runs_the_hosted_workflow_runs_too() -> None:
    run = (ROOT / ".ci" / "run").read_text()
    local = set(re.findall(r"^(?:make|run) ([a-z-]+)", run, re.MULTILINE))
    hosted = set(re.findall(r"\bmake ([a-z-]+)", (ROOT / ".github" / "workflows" / "ci.yml").read_text()))

    assert local <= hosted


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda one: str(one.name))
def test_a_workflow_trusts_actions_by_commit_and_gets_no_right_by_default(workflow: Path) -> None:
    text = workflow.read_text()

    assert yaml.safe_load(text)["permissions"] == {}
    for name, job in jobs(workflow).items():
        assert "timeout-minutes" in job, name
        assert "permissions" in job, name
    for action in re.findall(r"uses: (.+)", text):
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
