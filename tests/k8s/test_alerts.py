"""Each alert fires on the figures it is for and stays silent on those beside them, as promtool says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.settings.table import ROOT
from tests.docs.pages import blocks
from tests.k8s.manifests import K8S, load
from tests.k8s.program import unknown

RULES = K8S / "components" / "monitoring"
CASES: dict[str, Any] = {
    alert: case
    for file in sorted((Path(__file__).parent / "alerts").glob("*.yaml"))
    for alert, case in yaml.safe_load(file.read_text()).items()
}
RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("Millwright*.md"))


def alerts() -> dict[str, Any]:
    groups = yaml.safe_load((RULES / "alerts.yaml").read_text())["spec"]["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    assert found, "promtool is missing: apt-get install --no-install-recommends prometheus"
    return found


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The groups of both PrometheusRules as a file that Prometheus itself would read."""
    groups = [
        group
        for name in ("recording.yaml", "alerts.yaml")
        for group in yaml.safe_load((RULES / name).read_text())["spec"]["groups"]
    ]
    file = tmp_path_factory.mktemp("rules") / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": groups}))
    return file


def test_promtool_finds_nothing_to_say_about_the_rules(promtool: str, rules: Path) -> None:
    checked = subprocess.run(
        [promtool, "check", "rules", "--lint=all", "--lint-fatal", rules],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("alert", sorted(CASES))
@pytest.mark.parametrize("outcome", ["fires", "silent"])
def test_an_alert_does_as_its_figures_say(
    promtool: str, rules: Path, tmp_path: Path, alert: str, outcome: str
) -> None:
    case = CASES[alert][outcome]
    unit = {
        "interval": case["interval"],
        "input_series": case["series"],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert}", alertstate="firing"}}) > 0 or vector(0)',
                "eval_time": case["at"],
                "exp_samples": [{"value": 1 if outcome == "fires" else 0}],
            }
        ],
    }
    # Without an order promtool evaluates groups in any: an alert may then see the recording of a step before.
    order = [group["name"] for group in yaml.safe_load(rules.read_text())["groups"]]
    file = tmp_path / "unit.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "rule_files": [str(rules)],
                "evaluation_interval": case["interval"],
                "group_eval_order": order,
                "tests": [unit],
            }
        )
    )

    tested = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)

    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_is_tried_both_ways() -> None:
    assert set(CASES) == set(alerts())


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    index = (ROOT / "docs" / "runbooks" / "README.md").read_text()
    listed = dict(re.findall(r"^\| \[(\w+)\]\(\1\.md\) \| (\w+) \|$", index, re.MULTILINE))

    assert {page.stem for page in RUNBOOKS} == set(alerts())
    assert listed == {name: rule["labels"]["severity"] for name, rule in alerts().items()}


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: str(page.stem))
def test_a_runbook_says_what_to_look_at_and_names_commands_that_exist(page: Path) -> None:
    text = page.read_text()
    named = re.findall(r"\./millwright ([^`|\n]+)", text)

    assert text.startswith(f"# {page.stem}\n")
    assert "## First look" in text
    assert "## What to do" in text
    assert [block.language for block in blocks(page)] == ["sh"]
    for command in named:
        assert unknown(command.split()) is None, command


def test_a_runbooks_kubectl_names_what_the_manifests_have() -> None:
    known = {
        f"{document['kind'].lower()}/{document['metadata']['name']}"
        for document in load("overlays/prod").documents
    } | {"job/migrate"}
    for page in RUNBOOKS:
        for kind, name in re.findall(
            r"\b(deployment|job|hpa|externalsecret)[/ ]([a-z][a-z-]+)", page.read_text()
        ):
            full = {"hpa": "horizontalpodautoscaler"}.get(kind, kind)
            assert f"{full}/{name}" in known, f"{page.name}: {kind}/{name}"
