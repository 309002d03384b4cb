"""A side: one round of one way to do the work."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.ratios import Sample

Side = Callable[[], Sample]


class Tuned:
    """A rival with a setting: the first round tries each value briefly and keeps the fastest for good."""

    def __init__(self, by_setting: Mapping[str, tuple[Side, Side]]) -> None:
        """By setting: its short trial, and its round."""
        self._by_setting = by_setting
        self._chosen: Side | None = None

    def __call__(self) -> Sample:
        if self._chosen is None:
            rates = {setting: trial().value for setting, (trial, _) in self._by_setting.items()}
            best = max(rates, key=lambda setting: rates[setting])
            self._chosen = self._by_setting[best][1]
        return self._chosen()
