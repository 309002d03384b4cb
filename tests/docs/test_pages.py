"""What the documentation says of the code is so: tables, links, commands, settings, messages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.settings.table import ROOT, table
from tests.docs import typescript
from tests.docs.pages import between, links, pages
from tests.docs.tables import DOCS, TABLES

SOURCES = ("adapters", "api", "cli", "domain", "locks", "migrations", "tasks", "workers")


@pytest.mark.parametrize(("page", "mark"), TABLES)
def test_a_table_of_the_documentation_is_what_the_code_has(page: str, mark: str) -> None:
    shown = between(DOCS / page, mark)

    assert shown == TABLES[page, mark](), "write it anew: make docs"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_into_the_tree_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), f"{link}: there is no {target}"
        if anchor:
            assert anchor in anchors(target), f"{link}: {target.name} has no such heading"


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    named = {name for page in pages() for name in re.findall(r"`make ([a-z-]+)", page.read_text())}

    assert named
    assert named <= targets


def test_every_command_of_the_command_line_that_is_named_exists() -> None:
    files = {file.stem.strip("_").replace("_", "-") for file in (ROOT / "cli" / "commands").glob("*.py")}

    named = {
        name for page in pages() for name in re.findall(r"\./millwright ([a-z][a-z-]*)", page.read_text())
    }

    assert named
    assert named <= files


def test_every_setting_that_operations_name_exists() -> None:
    text = (DOCS / "operations.md").read_text()
    known = {row.name for row in table()}

    named = set(re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=[^`]*)?`", text))

    assert named
    assert {name for name in named if not name.endswith("_FILE")} <= known


def test_every_message_of_the_trouble_table_is_one_that_we_write() -> None:
    code = "".join(file.read_text() for name in SOURCES for file in (ROOT / name).rglob("*.py"))
    text = (DOCS / "operations.md").read_text().partition("## Trouble")[2]
    messages = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)

    assert messages
    for message in messages:
        for part in message.split("…"):
            assert part.strip() in code, f"nobody writes {part.strip()!r}"


def test_every_decision_is_in_the_list_of_decisions() -> None:
    directory = DOCS / "adr"
    files = {file.name for file in directory.glob("[0-9]*.md")}

    assert set(links(directory / "README.md")) == files


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_types_of_the_client_are_what_the_commands_take() -> None:
    assert typescript.FILE.read_text() == typescript.commands(), "write it anew: make docs"
