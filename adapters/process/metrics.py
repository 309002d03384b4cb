"""All metrics of web, worker and scheduler. Dashboards rely on their names."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 200)


class Metrics:
    """The metrics of one process. Nothing is global, so that a test may have several."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.registry = registry
        ProcessCollector(registry=registry)
        self._request_seconds = Histogram(
            "http_request_duration_seconds",
            "Time to answer a request.",
            ("method", "route", "status"),
            buckets=_FAST,
            registry=registry,
        )
        self._requests = Counter(
            "http_requests_total", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self.commands_accepted = Counter(
            "commands_accepted_total",
            "Commands accepted, with follow-ups; repeats do not count.",
            ("type",),
            registry=registry,
        )
        self.commands_final = Counter(
            "commands_final_total",
            "Commands that reached a final state; counted again after a replay.",
            ("type", "state"),
            registry=registry,
        )
        self.ready_age = Gauge(
            "command_ready_age_seconds",
            "Age of the oldest command that is due.",
            ("queue",),
            registry=registry,
        )
        self.required_workers = Gauge(
            "command_required_workers",
            "(ready + running) x mean duration / target drain time / slots.",
            ("queue",),
            registry=registry,
        )
        self.apply_seconds = Histogram(
            "command_apply_seconds",
            "Time of one batch, from reading to commit.",
            buckets=_FAST,
            registry=registry,
        )
        self.batch_size = Histogram(
            "command_batch_size", "Commands of one transaction.", buckets=_SIZES, registry=registry
        )
        self.dead_letters = Gauge("dead_letters", "Dead letters that await an operator.", registry=registry)
        self.leases_lost = Counter("lease_lost_total", "Leases that ran out while held.", registry=registry)
        self.schedule_lag = Gauge(
            "schedule_lag_seconds", "How late the latest tick came.", ("schedule",), registry=registry
        )
        self.deliveries = Counter(
            "deliveries_total",
            "Messages sent to the outside, by final state.",
            ("channel", "state"),
            registry=registry,
        )
        self.hints_lost = Counter(
            "hints_lost_total",
            "Hints that were dropped and are left to the relay.",
            registry=registry,
        )

        self.blobs_swept = Counter(
            "blobs_swept_total",
            "Files deleted, because unreferenced or incomplete.",
            ("why",),
            registry=registry,
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request. `route` is the template, never the path: ids must not become labels."""
        labels = method, route, str(status)
        self._requests.labels(*labels).inc()
        self._request_seconds.labels(*labels).observe(seconds)

    def exposition(self) -> bytes:
        """The metrics as text, of type CONTENT_TYPE."""
        return generate_latest(self.registry)
