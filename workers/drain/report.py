"""What a worker tells of its batches: a log line per verdict that somebody may want to read, and metrics."""

from __future__ import annotations

from loguru import logger

from adapters.commands.verdicts import Verdict, is_ending
from adapters.process.metrics import Metrics
from workers.drain.executor import Drained

QUIET = ("applied", "accepted")
"""Applied is what one expects; still accepted is what waits for a create and was not run."""


class Report:
    """Called by the pool after each batch, on the thread that ran it."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def __call__(self, queue: str, drained: Drained, seconds: float) -> None:
        for type, count in drained.accepted.items():
            self._metrics.commands_accepted.labels(type).inc(count)
        if not drained.verdicts:
            return
        self._metrics.batch_size.observe(len(drained.verdicts))
        self._metrics.apply_seconds.observe(seconds)
        for (type, state), count in drained.states.items():
            if is_ending(state):
                self._metrics.commands_final.labels(type, state).inc(count)
        for verdict in drained.verdicts:
            if verdict.state not in QUIET:
                _tell(verdict)
        logger.debug(
            "batch committed", queue=queue, commands=len(drained.verdicts), seconds=round(seconds, 4)
        )


def _tell(verdict: Verdict) -> None:
    command = verdict.command
    logger.bind(
        command_id=command["_id"],
        command=command["type"],
        tenant_id=command["tenant_id"],
        state=verdict.state,
        code=(verdict.error or {}).get("code"),
        attempt=verdict.attempts,
    ).log("ERROR" if verdict.state == "dead" else "INFO", "command settled")
