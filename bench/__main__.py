"""Measure this build against bare rivals: a table, and the same in DATA_DIR/bench.json."""

import signal
import sys
from typing import Annotated

import typer
from rich.console import Console

from adapters.settings.table import from_environment
from bench import ratios, run, sizes, table
from bench.ground import prepared
from cli.stop import Stop, exit_code

WIDTH = 140
"""Of the table where no terminal says how wide it is."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command("bench", help=__doc__)
def main(
    only: Annotated[list[str] | None, typer.Option(help="measure this ratio alone; may be repeated")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="how often each side runs; the median counts")] = 3,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="smaller rounds: rougher figures, sooner")] = False,
) -> None:
    names = [ratio.name for ratio in ratios.RATIOS]
    if unknown := [name for name in only or () if name not in names]:
        raise Stop(f"There is no ratio {unknown[0]}. There are: {', '.join(names)}.")
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
            only=[name for name in names if name in (only or ())],
            report=lambda message: out.print(message, style="dim"),
        )
    file = from_environment(servers_needed=False).data_dir / "bench.json"
    ratios.keep(file, results)
    out.print(table.table(results))
    out.print(f"Kept in {file}.")


if __name__ == "__main__":
    sys.exit(exit_code(app))
