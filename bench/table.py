"""The results as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from bench.ratios import RATIOS, Name, Ratio, Result, reached

FIGURES = ("ours", "rival", "ours ÷ rival")


def table(results: Mapping[Name, Result]) -> Table:
    """One row for each ratio that was measured, with what it must reach."""
    made = Table(title="Ours against bare rivals (medians)")
    for heading in ("ratio", "ours", "rival", "unit", "ours ÷ rival", "target", "", "runs"):
        made.add_column(heading, no_wrap=True, justify="right" if heading in FIGURES else "left")
    for ratio in RATIOS:
        if found := results.get(ratio.name):
            made.add_row(*_row(ratio, found))
    return made


def _row(ratio: Ratio, found: Result) -> tuple[str, ...]:
    verdict = "[green]reached[/]" if reached(ratio, found) else "[red]missed[/]"
    rounds = len(found.runs[ratio.ours])
    return (
        ratio.name,
        _figure(found.ours, _p99(found, ratio.ours)),
        _figure(found.rival, _p99(found, ratio.rival)),
        ratio.unit,
        f"{found.ratio:.2f}",
        ratio.target,
        verdict,
        f"{rounds} of {found.n:,}",
    )


def _figure(value: float, p99: float | None) -> str:
    return f"{value:,.1f}" if p99 is None else f"{value:,.1f} (p99 {p99:,.1f})"


def _p99(found: Result, side: str) -> float | None:
    """The median round's 99th percentile, where the side is a latency."""
    seen = sorted(found.runs.get(f"{side}.p99", []))
    return seen[len(seen) // 2] if seen else None
