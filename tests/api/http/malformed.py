"""Bodies that no command takes, each with the field to blame as a JSON pointer ("" is the whole body)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

ID = "01890a5d-ac96-774b-bcce-b302099a8057"


class Case(NamedTuple):
    name: str
    type: str
    body: bytes
    path: str


CREATE: dict[str, Any] = {"title": "Replace the bearing", "type": "corrective", "priority": "high"}
LABOR: dict[str, Any] = {"work_order_id": ID, "minutes": 30, "worked_on": "2026-03-01", "kind": "regular"}
CONSUME: dict[str, Any] = {"work_order_id": ID, "part_id": ID, "quantity": 2}
COST: dict[str, Any] = {"work_order_id": ID, "kind": "service", "amount": "12.50", "currency": "EUR"}
COMMENT: dict[str, Any] = {"work_order_id": ID, "text": "It squeaks"}
ATTACH: dict[str, Any] = {
    "work_order_id": ID,
    "sha256": "a" * 64,
    "size": 10,
    "media_type": "image/png",
    "name": "a.png",
}
GOOD = {
    "work_order.create": CREATE,
    "work_order.labor.log": LABOR,
    "work_order.parts.consume": CONSUME,
    "work_order.cost.add": COST,
    "work_order.comment.add": COMMENT,
    "work_order.attachment.add": ATTACH,
}

UUID4 = "7d444840-9dc0-41d1-b245-5ffdce74fad2"

# For a field: values that it does not take.
BAD: dict[str, dict[str, list[Any]]] = {
    "work_order.create": {
        "title": [
            None, 1, 1.5, True, [], {}, "", " ", "\t", "x" * 201, "two\nlines", "a\u0000b", "\u007f", "a\n",
        ],
        "id": [1, "", "x", UUID4, ID.upper(), ID + "0", ID[:-1], f" {ID}", f"{ID}\n", "*", [ID]],
        "type": [None, 1, "", "Corrective", "repair", ["corrective"]],
        "priority": [None, 1, "", "urgent", "HIGH", {"$ne": None}],
        "description": [1, [], {}, "x" * 20_001, "a\u0000b"],
        "asset_id": [0, "", "x", UUID4, "../" + ID, {"$gt": ""}],
        "due_at": [
            1, "", "now", "2026-03-01", "2026-03-01T08:00:00", "2026-02-30T08:00:00Z", "2026-13-01T08:00:00Z",
            "2026-03-01T24:00:00Z", "2026-03-01T08:60:00Z", "2026-03-01T08:00:00+15:00",
            "1969-12-31T23:59:59Z",
            "2200-01-01T00:00:00Z", "99999-01-01T00:00:00Z", "0000-00-00T00:00:00Z", "2026-03-01T08:00:00Z\n",
            "2026-03-01 08:00:00Z", "\u0662\u0660\u0662\u0666-03-01T08:00:00Z",
        ],
        "assignee_ids": ["", ID, {}, 1, [ID] * 51],
        "team_id": [1, "", UUID4],
        "checklist": ["", {}, 1],
        "parts": ["", {}, 1],
    },
    "work_order.labor.log": {
        "work_order_id": [None, 1, "", UUID4, [ID]],
        "minutes": [None, 0, -1, 1441, 1.5, 30.0, "30", True, 10**18, 2**63, 2**64, 10**400, [], {}],
        "worked_on": [
            None, "", 20260301, "2026-3-1", "2026-02-29", "2100-02-29", "2026-04-31", "2026-00-10",
            "2026-01-00",
            "1969-12-31", "2200-01-01", "01.03.2026", "2026-03-01T00:00:00Z", "2026-03-01\n",
        ],
        "kind": [None, "", "double", 1],
        "note": [1, [], "x" * 2_001, "a\u0000b"],
    },
    "work_order.parts.consume": {
        "part_id": [None, "", 1, UUID4],
        "quantity": [
            None, 0, -1, -0.5, 0.0, 10**9, 1e10, 2**63, 10**300, "", "0", "-1", "1,5", "1e3", "NaN",
            "Infinity",
            "0x10", "1.00001", "\u0661", " 1", True, [1], {"n": 1},
        ],
    },
    "work_order.cost.add": {
        "amount": [
            None, 1, 1.5, "", "abc", "1,50", "1.23456", "1" * 16, "1e5", "NaN", "+1", ".5", "5.", "12.50 EUR",
        ],
        "currency": [None, "", "eur", "EURO", "E", "\u20ac", 978],
        "kind": [None, "", "money"],
    },
    "work_order.comment.add": {
        "text": [None, "", "   ", "x" * 10_001, "a\u0000b", 1, ["a"]],
        "mentions": ["", ID, 1, {}],
    },
    "work_order.attachment.add": {
        "sha256": [None, "", "a" * 63, "A" * 64, "g" * 64, 1],
        "size": [None, -1, 1.5, "10", 10**12, 2**64],
        "media_type": [None, "", "image", "image/", "IMAGE/PNG", "image/png; x=y", "a/b/c"],
        "name": [None, "", "a\u0000.png", "a\nb"],
    },
}  # fmt: skip


def _wrong_values() -> Iterator[Case]:
    for type, fields in BAD.items():
        for field, values in fields.items():
            for value in values:
                if value is None and field not in GOOD[type]:
                    continue
                body = json.dumps(GOOD[type] | {field: value}).encode()
                yield Case(f"{type} {field}={str(value)[:40]!r}", type, body, f"/{field}")


def _missing_and_unknown() -> Iterator[Case]:
    for type, good in GOOD.items():
        for field in good:
            body = json.dumps({name: value for name, value in good.items() if name != field}).encode()
            yield Case(f"{type} without {field}", type, body, f"/{field}")
        for field in ("colour", "tenant_id", "$set", "__proto__", "a/b", "a~b", ""):
            escaped = field.replace("~", "~0").replace("/", "~1")
            body = json.dumps(good | {field: 1}).encode()
            yield Case(f"{type} with {field!r}", type, body, f"/{escaped}")


def _nested() -> Iterator[Case]:
    type = "work_order.create"
    item = {"text": "Oil level", "kind": "number"}
    checklists: list[tuple[str, list[Any]]] = [
        ("/checklist/0", [1]),
        ("/checklist/0/text", [{"kind": "check"}]),
        ("/checklist/0/text", [item | {"text": "a\u0000b"}]),
        ("/checklist/1/kind", [item, item | {"kind": "slider"}]),
        ("/checklist/0/colour", [item | {"colour": "red"}]),
        ("/checklist/0/min", [item | {"min": "low"}]),
        ("/checklist/0/min", [item | {"min": 10**30}]),
        ("/checklist/0", [item | {"min": 5, "max": 1}]),
        ("/checklist", [item] * 201),
    ]
    for path, value in checklists:
        yield Case(f"checklist {path}", type, json.dumps(CREATE | {"checklist": value}).encode(), path)
    parts: list[tuple[str, list[Any]]] = [
        ("/parts/0/quantity", [{"part_id": ID}]),
        ("/parts/0/part_id", [{"quantity": 1}]),
        ("/parts/0/quantity", [{"part_id": ID, "quantity": 0}]),
        ("/parts/2/part_id", [{"part_id": ID, "quantity": 1}] * 2 + [{"part_id": "x", "quantity": 1}]),
    ]
    for path, value in parts:
        yield Case(f"parts {path}", type, json.dumps(CREATE | {"parts": value}).encode(), path)
    yield Case(
        "assignee", type, json.dumps(CREATE | {"assignee_ids": [ID, "me"]}).encode(), "/assignee_ids/1"
    )


def _not_objects() -> Iterator[Case]:
    for body in (
        b"",
        b" ",
        b"null",
        b"1",
        b'"text"',
        b"[]",
        b"[{}]",
        b"true",
        b"undefined",
        b"\x00",
        b"\xff\xfe",
    ):
        yield Case(f"whole body {body!r}", "work_order.comment.add", body, "")
    utf16 = json.dumps(COMMENT).encode("utf-16")
    yield Case("UTF-16", "work_order.comment.add", utf16, "")
    yield Case("UTF-32", "work_order.comment.add", json.dumps(COMMENT).encode("utf-32"), "")
    yield Case(
        "a byte order mark", "work_order.comment.add", b"\xef\xbb\xbf" + json.dumps(COMMENT).encode(), ""
    )
    yield Case("a form", "work_order.comment.add", b"text=hello&work_order_id=1", "")


def _not_json() -> Iterator[Case]:
    type = "work_order.comment.add"
    start = f'{{"work_order_id":"{ID}","text":'.encode()
    for name, tail, path in (
        ("cut in a value", b'"It squ', "/text"),
        ("cut after the colon", b"", "/text"),
        ("no closing brace", b'"It squeaks"', "/text"),
        ("single quotes", b"'It squeaks'}", "/text"),
        ("a raw newline", b'"It\nsqueaks"}', "/text"),
        ("a raw NUL", b'"It\x00squeaks"}', "/text"),
        ("an unknown escape", b'"It\\x20squeaks"}', "/text"),
        ("half an escape", b'"It\\u12"}', "/text"),
        ("a lone high surrogate", b'"It\\ud800squeaks"}', "/text"),
        ("a lone low surrogate", b'"It\\udc00squeaks"}', "/text"),
        ("surrogates in the wrong order", b'"\\udc00\\ud800"}', "/text"),
        ("invalid UTF-8", b'"It \xff squeaks"}', "/text"),
        ("an overlong encoding", b'"It \xc0\xaf squeaks"}', "/text"),
        ("a surrogate in UTF-8", b'"It \xed\xa0\x80 squeaks"}', "/text"),
        ("a cut UTF-8 sequence", b'"It \xe2\x82"}', "/text"),
        ("NaN", b"NaN}", "/text"),
        ("Infinity", b"-Infinity}", "/text"),
        ("a comment", b'"It squeaks" /* loudly */}', "/text"),
        ("a trailing comma", b'"It squeaks",}', "/text"),
        ("a colon too many", b':"It squeaks"}', "/text"),
        ("two bodies", b'"It squeaks"}{}', "/text"),
    ):
        yield Case(name, type, start + tail, path)
    deep = b"[" * 5_000 + b"]" * 5_000
    yield Case("deep in a text", type, start + deep + b"}", "/text")
    yield Case("deep everywhere", type, deep, "")
    number = b'{"part_id":"%b","work_order_id":"%b","quantity":%b}'
    for text in (b"1e400", b"-1e400", b"01", b"+1", b"1.", b".5", b"0x10", b"1_000", b"NaN", b"1e", b"--1"):
        body = number % (ID.encode(), ID.encode(), text)
        yield Case(f"quantity {text!r}", "work_order.parts.consume", body, "/quantity")


CASES: list[Case] = [
    *_wrong_values(),
    *_missing_and_unknown(),
    *_nested(),
    *_not_objects(),
    *_not_json(),
]
