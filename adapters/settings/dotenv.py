"""Reads a `.env` file with python-dotenv's parser. Nothing is expanded: a password may hold a `$`."""

import io
from pathlib import Path

from dotenv.parser import parse_stream


def read(path: Path) -> tuple[dict[str, str], list[str]]:
    """The names that the file sets, and a fault for each line that is not NAME=value; none without a file."""
    if not path.is_file():
        return {}, []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return {}, [f"{path.name}: cannot be read: {error}"]
    values: dict[str, str] = {}
    faults: list[str] = []
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            faults.append(f"{path.name}: line {binding.original.line} is not NAME=value")
        elif binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
    return values, faults
