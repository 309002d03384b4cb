"""How one setting is declared, and where its text is read from."""

from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Row(NamedTuple):
    """One setting, with its documentation."""

    attribute: str
    name: str
    default: str
    parse: Callable[[str], Any]
    meaning: str
    group: str
    secret: bool


def setting(
    name: str, default: str, parse: Callable[[str], T], meaning: str, *, group: str = "", secret: bool = False
) -> T:
    """Declare a setting. A secret is kept out of representations and error messages."""
    row = {
        "name": name,
        "default": default,
        "parse": parse,
        "meaning": meaning,
        "group": group,
        "secret": secret,
    }
    declared: T = field(metadata=row, repr=not secret)
    return declared


def setting_text(row: Row, environ: Mapping[str, str], cwd: Path) -> str:
    """The setting as text: NAME, else the content of NAME_FILE, else the default. Raises: ValueError."""
    value, file = environ.get(row.name, "").strip(), environ.get(f"{row.name}_FILE", "").strip()
    if value and file:
        raise ValueError(f"is set twice, also as {row.name}_FILE: keep one")
    if not file:
        return value or row.default
    try:
        return (cwd / file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ValueError(f"{row.name}_FILE names {file}, which cannot be read: {reason}") from None
