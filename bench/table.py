"""The table of results."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from bench.ratios import RATIOS, Name, Ratio, Result, reached

FIGURES = ("ours", "rival", "ours ÷ rival")


def table(results: Mapping[Name, Result]) -> Table:
    """One row for each ratio that was measured, with what it must reach."""
    rows = Table(title="Ours against bare rivals (medians)")
    for heading in ("ratio", "ours", "rival", "unit", "ours ÷ rival", "target", "", "runs"):
        rows.add_column(heading, no_wrap=True, justify="right" if heading in FIGURES else "left")
    for ratio in RATIOS:
        if result := results.get(ratio.name):
            rows.add_row(*_row(ratio, result))
    return rows


def _row(ratio: Ratio, result: Result) -> tuple[str, ...]:
    verdict = "[green]reached[/]" if reached(ratio, result) else "[red]missed[/]"
    rounds = len(result.runs[ratio.ours])
    return (
        ratio.name,
        _figure(result.ours, _p99(result, ratio.ours)),
        _figure(result.rival, _p99(result, ratio.rival)),
        ratio.unit,
        f"{result.ratio:.2f}",
        ratio.target,
        verdict,
        f"{rounds} of {result.n:,}",
    )


def _figure(value: float, p99: float | None) -> str:
    return f"{value:,.1f}" if p99 is None else f"{value:,.1f} (p99 {p99:,.1f})"


def _p99(result: Result, side: str) -> float | None:
    """The median round's 99th percentile, where the side is a latency."""
    rounds = sorted(result.runs.get(f"{side}.p99", []))
    return rounds[len(rounds) // 2] if rounds else None
