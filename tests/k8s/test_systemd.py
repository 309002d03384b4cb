"""The units run what the Procfile runs, end as patiently as the processes do, and may do little else."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from adapters.settings.table import ROOT
from cli.processes import procfile
from tests.k8s.checks.pods import DRAINS

UNITS = sorted((ROOT / "systemd").glob("*.service"))
PROCESSES = [unit for unit in UNITS if "migrate" not in unit.name]


def value(unit: Path, name: str) -> str:
    found = re.search(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)
    assert found, f"{unit.name} has no {name}"
    return found[1]


def process(unit: Path) -> str:
    return re.split(r"[-@.]", unit.name)[1]


@pytest.fixture(scope="module")
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    assert found, "systemd-analyze is missing: apt-get install --no-install-recommends systemd"
    return found


def test_there_is_a_unit_for_each_process_of_the_procfile() -> None:
    entries = {entry.name: entry.argv[1:] for entry in procfile.read(ROOT / "Procfile")}

    assert {process(unit): value(unit, "ExecStart").split()[1:] for unit in PROCESSES} == entries


@pytest.mark.parametrize("unit", PROCESSES, ids=lambda unit: str(unit.name))
def test_a_process_is_given_time_to_end_and_does_not_start_again_on_a_wrong_setting(unit: Path) -> None:
    assert int(value(unit, "TimeoutStopSec")) > DRAINS[process(unit)].total_seconds()
    assert value(unit, "RestartPreventExitStatus") == ("1" if process(unit) == "web" else "2")
    assert value(unit, "Requires") == "millwright-migrate.service"


def test_systemd_understands_the_units(analyze: str, tmp_path: Path) -> None:
    for unit in (ROOT / "systemd").iterdir():
        text = unit.read_text().replace("/srv/millwright/.venv/bin/python", "/bin/true")
        (tmp_path / unit.name).write_text(text.replace("/srv/millwright/millwright", "/bin/true"))

    checked = subprocess.run(
        [analyze, "verify", "--man=no", *tmp_path.iterdir()], capture_output=True, text=True, check=False
    )

    assert [line for line in checked.stderr.splitlines() if "millwright" in line] == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: str(unit.name))
def test_a_process_may_do_little_to_its_machine(analyze: str, unit: Path) -> None:
    checked = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", unit],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout
