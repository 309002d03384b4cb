"""Measure this build against bare rivals: a table, and the same in DATA_DIR/bench.json."""

import os
import sys

import typer

CONTEXT_SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""`python -m bench` reads the arguments, --help included."""


def main(context: typer.Context) -> None:
    # Replaces this process: signals and the exit code need no forwarding.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "bench", *context.args])
