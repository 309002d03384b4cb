"""Reads a `.env` file: `NAME=value` lines, comments, optional quotes. Nothing is expanded."""

import re
from pathlib import Path

LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


def read(path: Path) -> tuple[dict[str, str], list[str]]:
    """The names it sets, and one fault per line that is not understood; empty if there is no file."""
    if not path.is_file():
        return {}, []
    found: dict[str, str] = {}
    faults: list[str] = []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        return {}, [f"{path.name}: cannot be read: {error}"]
    for number, line in enumerate(lines, start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if match := LINE.fullmatch(stripped):
            found[match[1]] = _value(match[2])
        else:
            faults.append(f"{path.name}: line {number} is not NAME=value")
    return found, faults


def _value(raw: str) -> str:
    if raw[:1] in ("'", '"'):
        closing = raw.find(raw[0], 1)
        return raw[1:closing] if closing > 0 else raw
    # A comment needs a blank before it: a password may hold a `#`.
    return re.split(r"\s#", raw, maxsplit=1)[0].strip()
