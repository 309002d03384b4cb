"""The Dockerfile as a list of instructions, by stage."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from adapters.settings.table import ROOT

FILE = ROOT / "Dockerfile"


class Instruction(Struct, frozen=True):
    """One instruction with everything behind its word, lines joined."""

    word: str
    text: str


class Stage(Struct, frozen=True):
    """The instructions between one FROM and the next."""

    name: str
    instructions: list[Instruction]

    def all(self, word: str) -> list[str]:
        return [one.text for one in self.instructions if one.word == word]


def stages(file: Path = FILE) -> list[Stage]:
    text = re.sub(r"^#.*\n", "", file.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    found: list[Stage] = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append(Stage(rest.partition(" AS ")[2], []))
        elif found:
            found[-1].instructions.append(Instruction(word, " ".join(rest.split())))
    return found


def environment(stage: Stage) -> dict[str, str]:
    """What its ENV instructions set, variables left as they are written."""
    return dict(re.findall(r"(\w+)=(\S+)", " ".join(stage.all("ENV"))))
