"""What is told of a text that breaks its pattern: the rule of that field, not of another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from api.http import body
from api.http.problem import Problem
from api.offline.action import Action
from api.offline.envelope import Replay
from tasks.catalogue import catalogue

READ_HERE = [Action, Replay, *(spec.payload for spec in catalogue().values() if not spec.internal)]


def described(schema: Any) -> Iterator[tuple[str, str | None]]:
    """Each pattern in a schema, with what it is said to mean."""
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"], schema.get("description")
        schema = list(schema.values())
    if isinstance(schema, list | tuple):
        for inner in schema:
            yield from described(inner)


def test_every_pattern_that_is_read_here_has_one_meaning_in_words() -> None:
    unclear = []
    for read in READ_HERE:
        told: dict[str, set[str | None]] = {}
        for pattern, meaning in described(msgspec.json.schema_components([read])):
            told.setdefault(pattern, set()).add(meaning)
        unclear += [(read, meanings) for meanings in told.values() if len(meanings) > 1 or None in meanings]

    assert unclear == []


def test_a_blank_title_is_told_what_a_title_is() -> None:
    create = catalogue()["work_order.create"].payload
    blank = b'{"title": "  ", "type": "corrective", "priority": "low"}'

    with pytest.raises(Problem) as refused:
        body.decode(blank, msgspec.json.Decoder(create))

    assert refused.value.detail == "Expected `str`: one line, not blank"
