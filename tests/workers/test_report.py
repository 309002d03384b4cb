"""A worker's batches, as its metrics tell them."""

from __future__ import annotations

from collections import Counter

from adapters.telemetry import Metrics
from workers.executor import Drained
from workers.report import Report


def test_follow_ups_count_as_accepted_by_the_worker_that_wrote_them() -> None:
    metrics = Metrics()

    Report(metrics)("bulk", Drained(accepted=Counter({"part.issue": 3})), 0.1)

    assert metrics.registry.get_sample_value("commands_accepted_total", {"type": "part.issue"}) == 3
