"""OpenAPI held against what is answered: a test may get no answer that its operation does not document."""

from __future__ import annotations

import re
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


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path)))
