"""docs/promises.md: every test that it names exists, so that a promise cannot lose its test unnoticed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
import pytest

from adapters.settings.table import ROOT
from tests.docs.tables import DOCS

_FILE = re.compile(r"`((?:tests/)?[\w/]+(?:\.py|/))`|\((test_\w+)\)")
_NAME = re.compile(r"(?<![`\w/.])([a-z0-9]+(?:_[a-z0-9]+){2,})(?:…|(?=[\s,;|\[(])|$)")
_TEST = re.compile(r"^\s*(?:async )?def test_(\w+)\(", re.MULTILINE)


class Claim(msgspec.Struct, frozen=True):
    """A promise, and the names of tests, or beginnings of names, that are to stand for it."""

    promise: str
    names: tuple[str, ...]
    files: tuple[str, ...]


def claims() -> Iterator[Claim]:
    """One for each row of the page's tables that names a test or a file."""
    for line in (DOCS / "promises.md").read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)][1:-1]
        if len(cells) not in (3, 4) or set(cells[0]) <= {"-"} or "test" in cells[-2:-1]:
            continue
        promise, tests = (cells[1], cells[2]) if len(cells) == 4 else (cells[0], cells[1])
        files = tuple(one or f"{other}.py" for one, other in _FILE.findall(tests))
        names = tuple(_NAME.findall(_FILE.sub("", tests)))
        if names or files:
            yield Claim(promise or cells[0], names, files)


def all_tests() -> set[str]:
    """The names of every test of the suite, without `test_`."""
    return {name for file in (ROOT / "tests").rglob("test_*.py") for name in _TEST.findall(file.read_text())}


ALL = all_tests()


@pytest.mark.parametrize("claim", list(claims()), ids=lambda claim: claim.promise[:60])
def test_every_test_that_stands_for_a_promise_exists(claim: Claim) -> None:
    for name in claim.names:
        assert any(test.startswith(name) for test in ALL), f"no test begins with {name}"
    for file in claim.files:
        there = ROOT / file if file.startswith("tests/") else None
        assert (there and there.exists()) or list((ROOT / "tests").rglob(file)), f"there is no {file}"


def test_the_page_is_read_at_all() -> None:
    read = list(claims())

    assert len(read) > 60
    assert sum(bool(claim.names) for claim in read) > 60
