"""Fire due schedules once and exit: for a cron job, where no scheduler process runs."""

import subprocess
import sys
from typing import Annotated

import typer

from adapters.settings.table import ROOT
from cli.stop import Stop


def main(
    once: Annotated[bool, typer.Option("--once", help="one round over all schedules")] = False,
) -> None:
    if not once:
        raise Stop("Say --once. The process that runs for ever is `python -m workers.scheduler`.")
    ended = subprocess.run([sys.executable, "-m", "workers.schedules.once"], cwd=ROOT, check=False)
    raise typer.Exit(ended.returncode)
