"""Print every setting: the value in effect and where it comes from."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from adapters.settings.declaration import Row
from adapters.settings.effective import effective, unknown_names
from adapters.settings.table import ROOT, inherited, table
from cli.stop import Stop
from cli.tables import AsJson, print_rows


def main(
    style: Annotated[
        str, typer.Option("--format", help="`effective`, `env` for .env.sample, or `table` for the docs")
    ] = "effective",
    as_json: AsJson = False,
    check: Annotated[Path | None, typer.Option(help="fail unless this file holds the `env` output")] = None,
) -> None:
    if check is not None:
        if not check.is_file() or check.read_text() != env_sample():
            raise Stop(f"{check} is not up to date: run `make env-sample`.")
        return
    if style == "effective":
        _print_effective(as_json=as_json)
        return
    Console(soft_wrap=True, highlight=False).print(
        env_sample() if style == "env" else markdown(), markup=False, end=""
    )


def _print_effective(*, as_json: bool) -> None:
    rows = list(table())
    for sentence in unknown_names(rows, ROOT):
        Console(stderr=True, soft_wrap=True, highlight=False).print(sentence, markup=False)
    try:
        values = [msgspec.to_builtins(row) for row in effective(rows, inherited(), ROOT)]
    except ValueError as error:
        raise Stop(f"setting {error}") from None
    print_rows(values, ("name", "value", "source"), as_json=as_json, empty="There are no settings.")


def env_sample() -> str:
    """All settings with their defaults, commented out, under their groups."""
    head = (
        "# Copy to .env and change what you need; the environment wins over this file.\n"
        "# Each setting can also come from a file, e.g. a mounted secret: NAME_FILE=/path\n"
    )
    parts, group = [head], ""
    for row in table():
        if row.group != group:
            group = row.group
            parts.append(f"\n# --- {group} ---\n")
        parts.append(f"\n# {_sentence(row)}\n# {row.name}={row.default}\n")
    return "".join(parts)


def markdown() -> str:
    """The table of the documentation."""
    rows = [f"| `{row.name}` | `{row.default or ' '}` | {_sentence(row)} |\n" for row in table()]
    return "| setting | default | meaning |\n|---|---|---|\n" + "".join(rows)


def _sentence(row: Row) -> str:
    return row.meaning[0].upper() + row.meaning[1:] + "." + (" Secret." if row.secret else "")
