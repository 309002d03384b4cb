"""A real worker process that knows the trial commands. Each argument changes one thing about it:

catalogue                  nothing more
hold-commits=<directory>   writes its batches and never commits them; says so by a file `wrote`
batch-limit=<seconds>      its watchdog's patience
"""

from __future__ import annotations

import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from adapters.commands.unit_of_work import UnitOfWork
from tests.support.trial import trial_catalogue
from workers import __main__ as worker
from workers import worker as app
from workers.process import heartbeat as presence


def hold_commits(directory: str) -> None:
    def never(_: UnitOfWork) -> NoReturn:
        (Path(directory) / "wrote").touch()
        threading.Event().wait()
        raise AssertionError("it waits for ever")

    setattr(UnitOfWork, "_commit", never)  # noqa: B010 - mypy forbids the plain assignment


def main(arguments: list[str]) -> int:
    setattr(app, "catalogue", trial_catalogue)  # noqa: B010
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name == "hold-commits":
            hold_commits(value)
        elif name == "batch-limit":
            setattr(presence, "BATCH_LIMIT", timedelta(seconds=float(value)))  # noqa: B010
    return worker.main()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
