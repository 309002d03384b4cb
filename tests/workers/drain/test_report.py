"""A worker's batches, as its metrics and its log tell them."""

from __future__ import annotations

from collections import Counter
from typing import Any, get_args

from loguru import logger

from adapters.commands.document import State
from adapters.commands.verdicts import Verdict
from adapters.process.metrics import Metrics
from workers.drain.executor import Drained
from workers.drain.report import Report


def test_follow_ups_count_as_accepted_by_the_worker_that_wrote_them() -> None:
    metrics = Metrics()

    Report(metrics)("bulk", Drained(accepted=Counter({"part.issue": 3})), 0.1)

    assert metrics.registry.get_sample_value("commands_accepted_total", {"type": "part.issue"}) == 3


def test_the_log_tells_every_verdict_but_what_went_well_and_what_still_waits() -> None:
    told: list[Any] = []
    heard = logger.add(lambda message: told.append(message.record), level="INFO")
    verdicts = [
        Verdict(command={"_id": state, "type": "part.issue", "tenant_id": "north"}, state=state, events=[])
        for state in get_args(State)
    ]

    Report(Metrics())("bulk", Drained(verdicts=verdicts), 0.1)
    logger.remove(heard)

    levels = {record["extra"]["command_id"]: record["level"].name for record in told}
    assert levels.keys() == set(get_args(State)) - {"applied", "accepted"}
    assert [state for state, level in levels.items() if level == "ERROR"] == ["dead"]
