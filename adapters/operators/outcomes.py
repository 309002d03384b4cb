"""What an act by hand left, and the one way in which workers and metrics learn of it.

The act's own transaction has written everything, its audit row too. What follows here is best effort: a hint
that is lost is sent again by the relay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from adapters.commands.document import TargetQueue
from adapters.mongo.client import Document
from adapters.process.metrics import Metrics

Hint = Callable[[str, TargetQueue], None]
"""Hints one target queue to the workers of a class."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """`command`: the one that stands now. `targets`: target queues with commands that may run now, of the
    class of `command`. `accepted`: types of commands that the act has accepted; `ended`: types and final
    states of those that it has ended."""

    command: Document
    targets: Sequence[TargetQueue] = ()
    accepted: Sequence[str] = ()
    ended: Sequence[tuple[str, str]] = ()


def publish(outcome: Outcome, *, hint: Hint, metrics: Metrics) -> None:
    """Count what was accepted and ended, and hint what may run."""
    for type in outcome.accepted:
        metrics.commands_accepted.labels(type).inc()
    for type, state in outcome.ended:
        metrics.commands_final.labels(type, state).inc()
    for target in outcome.targets:
        hint(outcome.command["queue"], target)
