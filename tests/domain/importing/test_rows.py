"""Without a store: what files, mappings and rows mean."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from domain.importing.mapping import Mapping, from_options
from domain.importing.row import BadRow, Reader, Row
from domain.importing.steps import history, order_id
from domain.importing.table import BadFile, Inspection, Record, Table

LATEST = datetime(2026, 1, 1, tzinfo=UTC)
MAPPING = Mapping(columns={"title": "Text", "created_at": "Day", "cost": "Cost"}, currency="AUD")


def read(text: str, mapping: Mapping = MAPPING) -> list[Row | BadRow]:
    table = Table(io.StringIO(text, newline=""), mapping.required_columns)
    reader = Reader(table.header, mapping, latest=LATEST)
    return [judged(reader, record) for record in table]


def judged(reader: Reader, record: Record) -> Row | BadRow:
    try:
        return reader.read(record)
    except BadRow as bad:
        return bad


def one(line: str, mapping: Mapping = MAPPING) -> Row:
    (row,) = read(f"Text,Day,Cost\n{line}\n", mapping)
    assert isinstance(row, Row), row
    return row


def test_a_mapping_from_the_command_line_reads_as_it_is_written() -> None:
    mapping = from_options(
        ["title=Short text", "created_at=Day", "type=T"],
        ["type:PM01=corrective,PM02=preventive"],
        status="closed",
    )

    assert mapping.columns == {"title": "Short text", "created_at": "Day", "type": "T"}
    assert mapping.values == {"type": {"PM01": "corrective", "PM02": "preventive"}}
    assert mapping.status == "closed"


@pytest.mark.parametrize(
    ("maps", "values", "rest", "said"),
    [
        (["title=A"], [], {}, "no column is mapped to created_at"),
        (["title=A", "created_at=B", "cost=C"], [], {}, "costs need a currency"),
        (["title=A", "created_at=B"], ["type:x=y"], {}, "values are given for type"),
        (["titel=A"], [], {}, "a map is FIELD=COLUMN"),
        (["title=A", "created_at=B"], ["type"], {}, "values are FIELD:FROM=TO"),
        (["title=A", "created_at=B"], ["title:x"], {}, "a translated value is FROM=TO"),
        (["title=A", "created_at=B"], [], {"status": "gone"}, "Invalid enum value 'gone'"),
    ],
)
def test_a_mapping_that_cannot_be_meant_says_why(
    maps: list[str], values: list[str], rest: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        from_options(maps, values, **rest)


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_finds_the_columns(sign: str) -> None:
    (row,) = read(f"Text{sign}Day{sign}Cost\r\na b{sign}2004-07-01{sign}1.50\r\n")

    assert isinstance(row, Row)
    assert (row.title, row.cost) == ("a b", "1.50")


def test_a_header_without_a_mapped_column_names_it() -> None:
    with pytest.raises(BadFile, match="no column Cost") as refused:
        read("Text,Day,Price\na,2004-07-01,1\n")

    assert refused.value.code == "missing_columns"


def test_a_header_that_has_a_mapped_column_twice_is_refused() -> None:
    with pytest.raises(BadFile, match="twice"):
        read("Text,Day,Cost,Cost\n")


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_what_is_not_utf8_is_named_by_its_line_however_it_arrives_in_chunks(size: int) -> None:
    data = "Text,Day,Cost\ngrün,2004-07-01,1\n".encode() + "grün".encode("latin-1") + b",2004-07-01,1\n"
    inspection = Inspection(MAPPING.required_columns)

    with pytest.raises(BadFile, match="line 3 is not UTF-8"):
        _feed(inspection, data, size)


def _feed(inspection: Inspection, data: bytes, size: int) -> None:
    for start in range(0, len(data), size):
        inspection.feed(data[start : start + size])


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    inspection = Inspection(MAPPING.required_columns)
    inspection.feed("\ufeffText,Day,Cost\n".encode())
    inspection.finish()

    assert inspection.size == 17


def test_a_file_over_the_bound_is_refused_while_it_arrives() -> None:
    inspection = Inspection(MAPPING.required_columns, most_bytes=20)
    inspection.feed(b"Text,Day,Cost\n")

    with pytest.raises(BadFile) as refused:
        inspection.feed(b"a,2004-07-01,1\n")

    assert refused.value.code == "too_large"


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_file_of_more_lines_than_a_worker_remembers_is_refused_however_they_end(
    end: str, size: int
) -> None:
    whole = ("Text,Day,Cost" + end + ("a,2004-07-01,1" + end) * 9).encode()
    _feed(Inspection(MAPPING.required_columns, most_lines=10), whole, size)

    with pytest.raises(BadFile) as refused:
        _feed(Inspection(MAPPING.required_columns, most_lines=9), whole, size)

    assert refused.value.code == "too_many_lines"
    assert "at most 9 lines" in refused.value.message


def test_who_must_split_a_file_is_told_to_keep_equal_rows_together_which_are_one_in_two_files() -> None:
    line, keys = "a,2004-07-01,1\n", set[str]()
    for lines in (line * 2, line):
        keys |= {row.key for row in read(f"Text,Day,Cost\n{lines}") if isinstance(row, Row)}
    assert len(keys) == 2

    with pytest.raises(BadFile, match="keep equal rows together"):
        _feed(Inspection(MAPPING.required_columns, most_lines=1), f"Text,Day,Cost\n{line}".encode(), 7)


def test_every_fault_of_a_row_is_told_and_the_next_row_is_read() -> None:
    bad, good = read(f"Text,Day,Cost\n{'x' * 201},1.7.2004,lots\nb,2004-07-01,1\n")

    assert isinstance(bad, BadRow)
    assert [(fault.column, fault.code) for fault in bad.faults] == [
        ("Text", "bad_title"),
        ("Day", "bad_created_at"),
        ("Cost", "bad_cost"),
    ]
    assert isinstance(good, Row)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("a,2004-07-01", "wrong_columns"),
        ("a,2004-07-01,1,2", "wrong_columns"),
        (" ,2004-07-01,1", "bad_title"),
        ("a,,1", "bad_created_at"),
        ("a,2004-02-30,1", "bad_created_at"),
        ("a,1969-12-31,1", "bad_created_at"),
        ("a,2004-07-01T00:00:00+99:00,1", "bad_created_at"),
        ("a,2031-01-01,1", "bad_created_at"),
        ('a,2004-07-01,"1,5"', "bad_cost"),
        ("a,2004-07-01,NaN", "bad_cost"),
        ("a,2004-07-01,1e9", "bad_cost"),
        ("a\0b,2004-07-01,1", "bad_title"),
        ('"a\nb",2004-07-01,1', "bad_title"),
    ],
)
def test_a_bad_row_is_refused_by_a_word(line: str, code: str) -> None:
    (bad,) = read(f"Text,Day,Cost\n{line}\n")

    assert isinstance(bad, BadRow)
    assert [fault.code for fault in bad.faults] == [code]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    rows = read('Text,Day,Cost\n\n"a\nb",2004-07-01,1\nx,nonsense,1\nc,2004-07-01,1\n', MAPPING)

    assert [row.line for row in rows if isinstance(row, Row)] == [6]
    table = Table(io.StringIO('Text,Day,Cost\n\n"a\nb",d,1\nx,d,1\n', newline=""), MAPPING.required_columns)
    assert [record.line for record in table] == [3, 5]


def test_an_unclosed_quote_costs_its_row_and_not_the_file() -> None:
    filler = "b,2004-07-01,1\n" * 10_000

    rows = read(f'Text,Day,Cost\na,2004-07-01,1\n"b,2004-07-01,1\n{filler}c,2004-07-01,1\n')

    assert isinstance(rows[0], Row)
    assert any(isinstance(row, BadRow) and row.faults[0].code == "malformed_row" for row in rows)
    assert isinstance(rows[-1], Row)
    assert rows[-1].title == "c"


def test_another_date_format_is_read_when_it_is_named() -> None:
    row = one("a,31.12.2004,1", msgspec.structs.replace(MAPPING, date_format="%d.%m.%Y"))

    assert row.created_at == datetime(2004, 12, 31, tzinfo=UTC)


def test_a_date_format_that_names_a_part_twice_refuses_its_rows_and_not_the_import() -> None:
    (row,) = read("Text,Day,Cost\na,31/12/2004,1\n", msgspec.structs.replace(MAPPING, date_format="%d/%d/%Y"))

    assert isinstance(row, BadRow)
    assert row.faults[0].message == "'31/12/2004' is not like %d/%d/%Y"


def test_equal_rows_are_told_apart_by_how_many_came_before() -> None:
    rows = read("Text,Day,Cost\na,2004-07-01,1\nb,2004-07-01,1\na,2004-07-01,1\n")

    keys = [row.key for row in rows if isinstance(row, Row)]
    assert len(set(keys)) == 3
    assert keys[0].rpartition(":")[0] == keys[2].rpartition(":")[0]


def test_a_row_keeps_its_key_when_columns_change_places() -> None:
    (before,) = read("Text,Day,Cost\na,2004-07-01,1\n")
    (after,) = read("Cost,Text,Day\n1,a,2004-07-01\n")

    assert isinstance(before, Row)
    assert isinstance(after, Row)
    assert before.key == after.key


def test_a_key_that_comes_twice_is_refused_the_second_time() -> None:
    mapping = msgspec.structs.replace(MAPPING, key_column="No")

    first, second, none = read(
        "No,Text,Day,Cost\n7,a,2004-07-01,1\n7,b,2004-07-01,1\n,c,2004-07-01,1\n", mapping
    )

    assert isinstance(first, Row)
    assert isinstance(second, BadRow)
    assert second.faults[0].code == "duplicate_key"
    assert isinstance(none, BadRow)
    assert none.faults[0].code == "bad_key"


@pytest.mark.parametrize(
    ("status", "types"),
    [
        ("requested", ["create", "cost"]),
        ("in_progress", ["create", "start", "cost"]),
        ("completed", ["create", "start", "cost", "complete"]),
        ("closed", ["create", "start", "cost", "complete", "close"]),
        ("cancelled", ["create", "cost", "cancel"]),
    ],
)
def test_a_history_ends_in_its_status_and_books_before_it_closes(status: Any, types: list[str]) -> None:
    row = one("a,2004-07-01,1", msgspec.structs.replace(MAPPING, status=status))

    steps = history(row, prefix="import:n:k", id=order_id("t", "n", row), asset_id=None, currency="AUD")

    assert [step.key.rpartition(":")[2] for step in steps] == types


def test_no_cost_is_booked_for_nothing() -> None:
    steps = history(one("a,2004-07-01,0.00"), prefix="p", id="i", asset_id=None, currency="AUD")

    assert [step.type for step in steps] == ["work_order.create"]


def test_an_order_has_the_same_id_for_the_same_row_in_one_tenant_alone() -> None:
    row = one("a,2004-07-01,1")

    assert order_id("t", "n", row) == order_id("t", "n", one("a,2004-07-01,1"))
    assert len({order_id("t", "n", row), order_id("u", "n", row), order_id("t", "m", row)}) == 3
