"""`./millwright scheduler --once`: one round in a process of its own, for a cron job."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from adapters.process.clock import SystemClock
from adapters.settings.table import ROOT, inherited
from tests.support.scheduling import House


def test_one_round_asks_for_what_is_due_and_a_second_for_nothing(
    house: House, mongo_uri: str, redis_url: str
) -> None:
    plan = house.plan(house.asset())
    due = SystemClock().now() - timedelta(hours=1)
    house.db.plans.update_one({"id": plan}, {"$set": {"generate_at": due}})

    first, second = (once(mongo_uri, redis_url) for _ in range(2))

    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "plans: 1 commands" in first.stdout
    assert "plans: 0 commands" in second.stdout
    assert house.db.commands.count_documents({"type": "plan.generate"}) == 1


@pytest.mark.parametrize("arguments", [[], ["--once"]])
def test_what_went_wrong_is_an_exit_code_a_cron_job_sees(arguments: list[str]) -> None:
    environment = inherited() | {"MONGO_URI": "nonsense", "JWT_SECRET": "s" * 40}
    command = [sys.executable, "-m", "cli", "scheduler", *arguments]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert ended.returncode == (2 if arguments else 1)
    assert ("MONGO_URI" if arguments else "--once") in ended.stderr + ended.stdout


def once(mongo_uri: str, redis_url: str) -> subprocess.CompletedProcess[str]:
    environment = inherited() | {"MONGO_URI": mongo_uri, "REDIS_URL": redis_url, "JWT_SECRET": "s" * 40}
    command = [sys.executable, "-m", "cli", "scheduler", "--once"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
