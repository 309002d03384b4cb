"""Lists on the screen or into a pipe. What is piped is never cut to a width that nobody looks at."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Column, Table

PIPED_WIDTH = 100_000

AsJson = Annotated[bool, typer.Option("--json", help="as JSON, for programs")]


def console() -> Console:
    """Standard output; as wide as its lines where it is no terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH, soft_wrap=False)


def print_rows(
    rows: Sequence[Mapping[str, Any]], columns: Iterable[str], *, as_json: bool, empty: str
) -> None:
    """A table with a column for each name, or all of the rows as one JSON array."""
    if as_json:
        print_json(rows)
        return
    names = list(columns)
    table = Table(*(Column(name, no_wrap=True, overflow="fold") for name in names), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(text(row.get(name)) for name in names))
    console().print(table if rows else empty, markup=False)


def print_json(value: Any) -> None:
    """Indented JSON on standard output; times as RFC 3339, what JSON has no form for as text."""
    encoded = msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2)
    Console(soft_wrap=True, highlight=False).print(encoded.decode(), markup=False)


def text(value: Any) -> str:
    """A cell: empty for nothing, JSON for what has parts."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%SZ}"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, Mapping) and isinstance(name := value.get("name"), str):
        return name
    return msgspec.json.encode(value, enc_hook=str).decode()
