"""Reads a CSV file as a header and records, and refuses unusable files."""

from __future__ import annotations

import codecs
import csv
import hashlib
from collections.abc import Iterable, Iterator
from itertools import chain

import msgspec

DELIMITERS = ",;\t|"
LONGEST_CELL = 131_072
LONGEST_HEADER = 65_536
MAX_BYTES = 50 * 1024 * 1024
MAX_LINES = 500_000
"""What is remembered of each row while its file is read takes 100 bytes: as many as the file itself, of lines
of that length."""

SPLIT = "split it, keep equal rows together, and keep the name"
"""Without a key column equal rows are told apart by counting them within a file: in two they are one."""


class BadFile(Exception):
    """The whole file is refused. `code` is for programs, the message says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Record(msgspec.Struct, frozen=True):
    """One row of the file. `number` counts rows from 1, `line` is where it begins in the file.

    `broken` says why the row could not be split into cells.
    """

    number: int
    line: int
    cells: list[str]
    broken: str | None = None


class Table:
    """The header, read at once, and the records, read on iteration; empty lines are skipped."""

    def __init__(self, lines: Iterable[str], required: Iterable[str]) -> None:
        """Raises: BadFile: a required column is missing or occurs twice."""
        self._lines = iter(lines)
        first = next(self._lines, "")
        self._delimiter = choose_delimiter(first, required)
        reader = csv.reader(chain([first], self._lines), delimiter=self._delimiter)
        self.header = [cell.strip() for cell in next(reader, [])]
        self._reader = reader

    def __iter__(self) -> Iterator[Record]:
        number, line = 0, self._reader.line_num + 1
        while True:
            broken, cells = None, list[str]()
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                broken = str(error)
            if cells or broken:
                number += 1
                yield Record(number, line, cells, broken)
            line = self._reader.line_num + 1


def choose_delimiter(header: str, required: Iterable[str]) -> str:
    """The delimiter with which the header has all required columns. Raises: BadFile naming the missing
    ones."""
    needed = list(required)
    splits = {sign: _cells(header, sign) for sign in DELIMITERS}
    best = max(DELIMITERS, key=lambda sign: sum(name in splits[sign] for name in needed))
    cells = splits[best]
    if missing := [name for name in needed if name not in cells]:
        there = ", ".join(cells[:50]) or "nothing"
        raise BadFile("missing_columns", f"the header has no column {', '.join(missing)}; it has {there}")
    if twice := [name for name in needed if cells.count(name) > 1]:
        raise BadFile("ambiguous_columns", f"the header has the column {twice[0]} twice")
    return best


def _cells(header: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([header], delimiter=delimiter), [])]
    except csv.Error:
        return []


class Inspection:
    """Inspects a file while it is stored: size, hash, encoding, header. Feed it all, then `finish`."""

    def __init__(
        self, required: Iterable[str], *, most_bytes: int = MAX_BYTES, most_lines: int = MAX_LINES
    ) -> None:
        self.size = 0
        self._wanted = list(required)
        self._most = most_bytes
        self._most_lines = most_lines
        self._hash = hashlib.sha256()
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._lines = 1
        self._in_return = False
        self._head: str | None = ""

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def feed(self, chunk: bytes) -> None:
        """Raises: BadFile: too_large, too_many_lines, not_utf8, missing_columns, ambiguous_columns."""
        self.size += len(chunk)
        if self.size > self._most:
            raise BadFile("too_large", f"a file has at most {self._most} bytes: {SPLIT}")
        self._hash.update(chunk)
        self._read(chunk, final=False)

    def finish(self) -> None:
        """Raises: BadFile, as `feed`, and empty_file."""
        if not self.size:
            raise BadFile("empty_file", "the file is empty")
        self._read(b"", final=True)

    def _read(self, chunk: bytes, *, final: bool) -> None:
        try:
            text = self._decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            line = self._lines + error.object[: error.start].count(b"\n")
            raise BadFile(
                "not_utf8", f"line {line} is not UTF-8: save the file as UTF-8 (in Excel: CSV UTF-8)"
            ) from None
        self._count(text)
        if self._head is not None:
            self._look_at_header(self._head + text, final=final)

    def _count(self, text: str) -> None:
        """A line ends with a line feed, a carriage return, or both, as for who reads the rows."""
        both = text.count("\r\n") + (self._in_return and text.startswith("\n"))
        self._lines += text.count("\n") + text.count("\r") - both
        self._in_return = text.endswith("\r") if text else self._in_return
        if self._lines > self._most_lines + 1:
            raise BadFile("too_many_lines", f"a file has at most {self._most_lines} lines: {SPLIT}")

    def _look_at_header(self, head: str, *, final: bool) -> None:
        first, is_whole, _ = head.partition("\n")
        if is_whole or final or len(head) > LONGEST_HEADER:
            choose_delimiter(first.rstrip("\r"), self._wanted)
            self._head = None
        else:
            self._head = head
