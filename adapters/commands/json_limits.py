"""What JSON can say and the store or a reader cannot hold: one rule for every payload that enters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite
from typing import Any, NamedTuple

MAX_DEPTH = 32
"""Levels of a command document; a payload is one of its levels."""

INT64 = 1 << 63

_SURROGATE = re.compile("[\ud800-\udfff]")


class Flaw(NamedTuple):
    """Where, as a JSON pointer, and what."""

    path: str
    code: str
    message: str


class Unstorable(Exception):
    """The payload holds something that cannot be kept."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw


def check(payload: Any) -> None:
    """Raises: Unstorable: the first flaw."""
    for flaw in flaws(payload):
        raise Unstorable(flaw)


def flaws(value: Any, path: str = "", depth: int = 1) -> Iterator[Flaw]:
    """Everything in it that cannot be kept, in the order of the text."""
    if depth >= MAX_DEPTH:
        yield Flaw(path, "too_deep", f"nested deeper than {MAX_DEPTH} levels")
    elif isinstance(value, str):
        yield from _of_text(value, path)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _of_text(name, path)
            yield from flaws(inner, f"{path}/{pointer_step(name)}", depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from flaws(inner, f"{path}/{index}", depth + 1)
    elif isinstance(value, float) and not isfinite(value):
        yield Flaw(path, "out_of_range", "a number must be finite")
    elif isinstance(value, int) and not -INT64 <= value < INT64:
        yield Flaw(path, "out_of_range", "a whole number has at most 64 bits")


def pointer_step(name: str) -> str:
    """A member's name as one step of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def _of_text(text: str, path: str) -> Iterator[Flaw]:
    if "\0" in text:
        yield Flaw(path, "nul_character", "text may not hold the NUL character")
    if not text.isascii() and _SURROGATE.search(text):
        yield Flaw(path, "malformed_text", "text must be whole Unicode: UTF-8 without lone surrogates")
