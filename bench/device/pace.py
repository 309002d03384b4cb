"""When a device may send again: with full jitter, so that many devices do not return at once."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_CEILING_S, LAST_CEILING_S = 2.0, 300.0


class Pace:
    """The backoff of one device, and of lanes that the server cannot accept yet. Seconds of the monotonic
    clock."""

    def __init__(self, monotonic: Callable[[], float], chance: random.Random) -> None:
        self.tries = 0
        """Since the last success."""
        self._monotonic = monotonic
        self._chance = chance
        self._not_before_s = monotonic()
        self._held: dict[str, tuple[float, int]] = {}
        """Lanes: until when they wait, and how often they had to."""

    def reset(self) -> None:
        """Ends the backoff: the network is back."""
        self.tries = 0
        self._not_before_s = self._monotonic()
        self._held = {lane: (0.0, times) for lane, (_, times) in self._held.items()}

    def failed(self, at_least_s: float = 0.0) -> None:
        self._not_before_s = self._monotonic() + at_least_s + self._backoff_s(self.tries)
        self.tries += 1

    def hold(self, lane: str) -> None:
        _, times = self._held.get(lane, (0.0, 0))
        self._held[lane] = (self._monotonic() + self._backoff_s(times), times + 1)

    def free(self, lane: str) -> None:
        self._held.pop(lane, None)

    def wait_s(self) -> float:
        return max(0.0, self._not_before_s - self._monotonic())

    def held(self) -> dict[str, float]:
        """Lanes that must wait now, and for how many seconds."""
        now_s = self._monotonic()
        return {lane: until_s - now_s for lane, (until_s, _) in self._held.items() if until_s > now_s}

    def was_held(self, lane: str) -> bool:
        return lane in self._held

    def _backoff_s(self, tries: int) -> float:
        return self._chance.uniform(0, min(LAST_CEILING_S, FIRST_CEILING_S * 2.0 ** min(tries, 30)))
