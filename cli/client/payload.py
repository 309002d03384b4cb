"""A payload from arguments: `title=Leak` and `minutes=90` as the field wants it, `parts:=[…]` as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from cli.stop import Stop
from tasks.command import PayloadType


def from_arguments(arguments: Iterable[str], payload: PayloadType | None) -> dict[str, Any]:
    """The document; a later argument of the same name wins. `payload` says which fields take text.

    Raises: Stop: an argument is not NAME=VALUE or NAME:=JSON, or its JSON cannot be read.
    """
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(payload)} if payload else {}
    document: dict[str, Any] = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        is_json = name.endswith(":")
        name = name.removesuffix(":")
        if not equals or not name:
            raise Stop(f"{argument!r} is neither NAME=VALUE nor NAME:=JSON.")
        document[name] = _value(name, value, is_text=not is_json and _takes_text(fields.get(name)))
    return document


def from_file(file: Path) -> dict[str, Any]:
    """The JSON object that the file holds. Raises: Stop: it holds none."""
    try:
        document = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError) as error:
        raise Stop(f"{file} holds no JSON object: {error}") from None
    return document


def _value(name: str, value: str, *, is_text: bool) -> Any:
    if is_text:
        return value
    try:
        return msgspec.json.decode(value.encode())
    except msgspec.DecodeError as error:
        raise Stop(f"{name}={value} is no JSON: {error}") from None


_TEXTS = (inspect.StrType, inspect.DateTimeType, inspect.DateType, inspect.TimeType, inspect.TimeDeltaType)


def _takes_text(kind: Any) -> bool:
    """Whether the field can be written as JSON text. What the command does not know is left to the server."""
    return kind is None or _is_text(inspect.type_info(kind))


def _is_text(kind: inspect.Type) -> bool:
    match kind:
        case inspect.Metadata(type=inner):
            return _is_text(inner)
        case inspect.UnionType(types=types):
            return any(map(_is_text, types))
        case inspect.LiteralType(values=values):
            return all(isinstance(value, str) for value in values)
        case _:
            return isinstance(kind, (*_TEXTS, inspect.DecimalType, inspect.UUIDType, inspect.EnumType))
