"""OpenAPI held against what is answered: a test may get no answer that its operation does not document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx

FAULT_OF_OURS = 500
"""The one status that no operation promises."""


class Documented:
    """The operations of an OpenAPI document, by their paths. Fixed paths go before those with parameters."""

    def __init__(self, document: dict[str, Any]) -> None:
        by_place = sorted(document["paths"].items(), key=lambda known: known[0].count("{"))
        self._operations = [(_pattern(path), operations) for path, operations in by_place]

    def of(self, method: str, path: str) -> dict[str, Any] | None:
        """None for what is no operation: an unknown path, another method, a command without a route."""
        for pattern, operations in self._operations:
            if pattern.fullmatch(path) and method.lower() in operations:
                found: dict[str, Any] = operations[method.lower()]
                return found
        return None

    async def check(self, answer: httpx.Response) -> None:
        """A hook of httpx. Raises: AssertionError."""
        request = answer.request
        operation = self.of(request.method, request.url.path)
        if operation is None or answer.status_code == FAULT_OF_OURS:
            return
        place = f"{request.method} {request.url.path} answered {answer.status_code}"
        promised = operation["responses"].get(str(answer.status_code))
        assert promised is not None, f"{place}, which {operation['operationId']} does not document"
        given = answer.headers.get("content-type", "").partition(";")[0]
        promised_types = promised.get("content", {}).keys()
        assert not promised_types or given in promised_types, f"{place} with {given}, not {promised_types}"
        schema = promised.get("content", {}).get("application/json", {}).get("schema")
        if schema:
            wrong = list(faults(json.loads(await answer.aread()), schema))
            assert not wrong, f"{place} with a body that is not as documented: {wrong}"


_KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}


def faults(value: Any, schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Where a value is not as its schema says, in the words of JSON Schema that our documents use."""
    if "anyOf" in schema and all(any(faults(value, option)) for option in schema["anyOf"]):
        yield f"{path}: {value!r} is none of {schema['anyOf']}"
    if value not in schema.get("enum", (schema.get("const", value),)):
        yield f"{path}: {value!r} is no word for it"
    wanted = schema.get("type", list(_KINDS))
    names = [wanted] if isinstance(wanted, str) else wanted
    if not any(_is(value, name) for name in names):
        yield f"{path}: {value!r} is not of {names}"
    elif isinstance(value, dict):
        yield from (f"{path}: lacks {name}" for name in schema.get("required", ()) if name not in value)
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield from faults(value[name], inner, f"{path}/{name}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from faults(item, schema.get("items") or {}, f"{path}/{place}")


def _is(value: Any, name: str) -> bool:
    return isinstance(value, _KINDS[name]) and (name == "boolean" or not isinstance(value, bool))


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path)))
