"""What the documentation holds that can be checked: fenced blocks, tables, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from adapters.settings.table import ROOT

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


class Block(msgspec.Struct, frozen=True):
    """One fenced block: its language and its text."""

    language: str
    text: str


def pages() -> list[Path]:
    """Every page of documentation in the tree."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    return [Block(language, text) for language, text in _FENCED.findall(page.read_text())]


def links(page: Path) -> Iterator[str]:
    """What a page links to, outside its fenced blocks."""
    yield from _LINK.findall(_FENCED.sub("", page.read_text()))


def between(page: Path, mark: str) -> str:
    """The text of a page between `<!-- mark -->` and `<!-- /mark -->`."""
    found = re.search(rf"<!-- {mark} -->\n(.*?)<!-- /{mark} -->", page.read_text(), re.DOTALL)
    assert found, f"{page.name} has no <!-- {mark} --> … <!-- /{mark} -->"
    return found[1].strip("\n")
