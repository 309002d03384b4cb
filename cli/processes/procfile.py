"""The processes of the application, as the Procfile names them."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from cli.stop import Stop

LINE = re.compile(r"([A-Za-z0-9_-]+):\s*(.+)")


@dataclass(frozen=True)
class Entry:
    """One process: its name and its command."""

    name: str
    argv: list[str]


def read(path: Path) -> list[Entry]:
    """The processes in the file's order. Raises: Stop: a line is not `name: command`."""
    entries = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = LINE.fullmatch(line.strip())
        if not match:
            raise Stop(f"{path.name}, line {number}: write `name: command`.")
        entries.append(Entry(match[1], shlex.split(match[2])))
    return entries
