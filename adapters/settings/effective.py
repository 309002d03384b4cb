"""Which values are in effect, and where each came from; and names in `.env` that nobody reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

import msgspec

from adapters.settings import dotenv
from adapters.settings.declaration import Row, setting_text

SECRET_SHOWN = "(set, secret)"
FOREIGN = ("VITE_", "MILLWRIGHT", "COMPOSE_", "DOCKER_")
"""How names begin that other programs, or the command line, read from the same file."""


class Effective(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as text, a secret hidden; `source`: `environment`, `.env`, a file's name or `default`."""

    name: str
    value: str
    source: str
    meaning: str


def effective(rows: Sequence[Row], environ: Mapping[str, str], cwd: Path) -> Iterator[Effective]:
    """Each setting in order. Raises: ValueError: one is set twice, or its file cannot be read."""
    in_file, _ = dotenv.read(cwd / ".env")
    both = in_file | dict(environ)
    for row in rows:
        text = setting_text(row, both, cwd)
        shown = SECRET_SHOWN if row.secret and text and text != row.default else text
        yield Effective(
            name=row.name, value=shown, source=_source(row, in_file, environ), meaning=row.meaning
        )


def _source(row: Row, in_file: Mapping[str, str], environ: Mapping[str, str]) -> str:
    for where, values in (("environment", environ), (".env", in_file)):
        if values.get(row.name, "").strip():
            return where
        if file := values.get(f"{row.name}_FILE", "").strip():
            return f"{file} ({where})"
    return "default"


def unknown_names(rows: Sequence[Row], cwd: Path) -> list[str]:
    """A sentence for each name in `.env` that is no setting, with the setting that was probably meant."""
    in_file, _ = dotenv.read(cwd / ".env")
    known = [form for row in rows for form in (row.name, f"{row.name}_FILE")]
    sentences = []
    for name in in_file:
        if name not in known and not name.startswith(FOREIGN):
            close = get_close_matches(name, known, n=1)
            hint = f": did you mean {close[0]}?" if close else ""
            sentences.append(f".env: {name} is no setting and has no effect{hint}")
    return sentences
