"""Turns query parameters into a MongoDB filter. An undeclared parameter is refused, never ignored."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import msgspec

from adapters.mongo.client import Document
from api.http.problem import Fault, invalid
from domain.ids import UUID7

LONGEST_TEXT = 100
MOST_VALUES = 50
MOST_PARAMETERS = 30

Condition = Callable[[str], Document]
"""Turns one parameter's text into a condition. Raises: ValueError: names the accepted form."""


class Parameter(msgspec.Struct, frozen=True):
    """A filter parameter: its parser, and its description for the documentation."""

    condition: Condition
    meaning: str


def parse(query_string: bytes) -> dict[str, str]:
    """The parameters, each given once. Raises: Problem 422."""
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_PARAMETERS,
        )
    except ValueError:
        raise invalid(
            Fault("/query", "malformed", "the query string is not percent-encoded UTF-8, or too long"),
            code="invalid_query",
        ) from None
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name in parameters:
            raise bad(name, "repeated", f"{name} is given more than once")
        if "\0" in value:
            raise bad(name, "nul_character", "text may not hold the NUL character")
        parameters[name] = value
    return parameters


def bad(name: str, code: str, message: str) -> Exception:
    """A 422 for one parameter."""
    return invalid(Fault(f"/query/{name[:100]}", code, message), code="invalid_query")


def conditions(values: Mapping[str, str], parameters: Mapping[str, Parameter]) -> list[Document]:
    """One condition per value. Raises: Problem 422: an unknown parameter, or a malformed value."""
    selection: list[Document] = []
    for name, value in values.items():
        parameter = parameters.get(name)
        if parameter is None:
            raise bad(name, "unknown_parameter", f"{name[:100]} is not a parameter here")
        try:
            selection.append(parameter.condition(value))
        except ValueError as error:
            raise bad(name, "malformed", str(error)) from None
    return selection


def words(field: str, allowed: Sequence[str] | None = None) -> Parameter:
    """A filter by any of several words, separated by commas."""

    def condition(value: str) -> Document:
        chosen = value.split(",")
        if len(chosen) > MOST_VALUES or not all(chosen):
            raise ValueError(f"takes up to {MOST_VALUES} values, separated by commas")
        if allowed is not None and not set(chosen) <= set(allowed):
            raise ValueError(f"takes any of {', '.join(allowed)}")
        return {field: {"$in": chosen}}

    return Parameter(
        condition, f"any of {', '.join(allowed)}" if allowed else "one value, or several with commas"
    )


_UUID7 = re.compile(UUID7)


def ids(field: str) -> Parameter:
    """A filter by any of several ids, separated by commas; `none` selects rows without one."""

    def condition(value: str) -> Document:
        if value == "none":
            return {field: {"$in": [None, []]}}
        chosen = value.split(",")
        if len(chosen) > MOST_VALUES or not all(_UUID7.fullmatch(id) for id in chosen):
            raise ValueError(f"takes up to {MOST_VALUES} UUIDv7, separated by commas, or none")
        return {field: {"$in": chosen}}

    return Parameter(condition, "one id, or several with commas, or none")


def moment(field: str, operator: str) -> Parameter:
    """A filter for times before (`$lt`) or from (`$gte`) an instant."""

    def condition(value: str) -> Document:
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("takes an RFC 3339 time with an offset, such as 2026-03-01T08:00:00Z") from None
        if at.tzinfo is None:
            raise ValueError("takes a time with an offset: …Z or …+02:00 (a + is written %2B here)")
        try:
            return {field: {operator: at.astimezone(UTC)}}
        except OverflowError:
            raise ValueError("takes a time of the years 1 to 9999, in UTC too") from None

    return Parameter(condition, "RFC 3339, with an offset")


def flag(when_true: Document, when_false: Document) -> Parameter:
    def condition(value: str) -> Document:
        if value not in ("true", "false"):
            raise ValueError("takes true or false")
        return when_true if value == "true" else when_false

    return Parameter(condition, "true or false")


def text(*fields: str) -> Parameter:
    """A case-insensitive substring filter over several fields. Its length is bounded here, its time by
    MongoDB."""

    def condition(value: str) -> Document:
        needle = value.strip()
        if not 1 <= len(needle) <= LONGEST_TEXT:
            raise ValueError(f"takes 1 to {LONGEST_TEXT} characters")
        pattern = {"$regex": re.escape(needle), "$options": "i"}
        return {"$or": [{field: pattern} for field in fields]}

    return Parameter(condition, f"text in {', '.join(field.rpartition('.')[2] for field in fields)}")
