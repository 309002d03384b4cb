"""Prints the lines of several processes on one terminal, each prefixed with its process."""

import sys
from typing import TextIO

COLOURS = (36, 35, 33, 34, 32, 31)


class Output:
    """Writes prefixed lines; coloured on a terminal. `closed` once nobody reads any more."""

    def __init__(self, names: list[str], to: TextIO | None = None) -> None:
        self._to = to or sys.stdout
        self._width = max(map(len, names), default=0)
        self._colours = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)}
        self._coloured = self._to.isatty()
        self.closed = False

    def line(self, name: str, text: str) -> None:
        prefix = f"{name:<{self._width}} | "
        if self._coloured:
            prefix = f"\033[{self._colours.get(name, 0)}m{prefix}\033[0m"
        try:
            self._to.write(f"{prefix}{text}\n")
            self._to.flush()
        except (BrokenPipeError, ValueError):
            self.closed = True
