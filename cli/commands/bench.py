"""Measure this build against bare rivals: a table, and the same in DATA_DIR/bench.json."""

import signal
import sys
from typing import Annotated

import typer
from rich.console import Console

from adapters.settings.table import from_environment
from cli.stop import Stop

WIDTH = 140
"""Of the table where no terminal says how wide it is."""


def main(
    only: Annotated[list[str] | None, typer.Option(help="measure this ratio alone; may be repeated")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="smaller rounds: rougher figures, sooner")] = False,
    rounds: Annotated[int, typer.Option(min=1, help="how often each side runs; the median counts")] = 3,
) -> None:
    # Rivals bring libraries that no other command needs.
    from bench import ratios, run, sizes, table
    from bench.ground import prepared

    known = {ratio.name: ratio for ratio in ratios.RATIOS}
    if unknown := [name for name in only or () if name not in known]:
        raise Stop(f"There is no ratio {unknown[0]}. There are: {', '.join(known)}.")
    out = Console(highlight=False, soft_wrap=True)
    if not out.is_terminal:
        out = Console(highlight=False, soft_wrap=True, width=WIDTH)
    # An ordinary exit unwinds the stack, which stops the servers and removes their data.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with prepared() as ground:
        results = run.measure(
            ground,
            sizes.QUICK if quick else sizes.FULL,
            rounds=rounds,
            only=[ratio.name for ratio in ratios.RATIOS if ratio.name in (only or ())],
            tell=lambda said: out.print(said, style="dim"),
        )
    file = from_environment(servers_needed=False).data_dir / "bench.json"
    ratios.keep(file, results)
    out.print(table.table(results))
    out.print(f"Kept in {file}.")
