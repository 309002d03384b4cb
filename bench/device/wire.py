"""What goes between a device and the server, and how it goes over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Any

import msgspec

Json = dict[str, Any]

TIMEOUT_S = 20.0


class Request(msgspec.Struct, frozen=True):
    method: str
    path: str
    body: bytes = b""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`retry_after_s`: how long the server asks us to keep away."""

    status: int
    body: bytes = b""
    retry_after_s: float | None = None

    def json(self) -> Json:
        """Raises: NoAnswer: something between us and the server has answered in its place."""
        try:
            return msgspec.json.decode(self.body, type=Json)
        except msgspec.MsgspecError as error:
            raise NoAnswer(f"{self.status} with a body that is no JSON object") from error


class NoAnswer(Exception):
    """The request may have arrived, or not, or may still."""


Send = Callable[[Request], Answer]
"""Raises: NoAnswer."""


class Http:
    """Sends over one kept connection, as the bearer of a token."""

    def __init__(self, host: str, port: int, token: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._connection = HTTPConnection(host, port, timeout=timeout_s)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def __call__(self, request: Request) -> Answer:
        try:
            self._connection.request(request.method, request.path, request.body or None, self._headers)
            answer = self._connection.getresponse()
            return Answer(
                status=answer.status,
                body=answer.read(),
                retry_after_s=_seconds(answer.getheader("retry-after")),
            )
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise NoAnswer(str(error)) from error


def _seconds(header: str | None) -> float | None:
    """Retry-After in seconds; the form with a date is not used by our server."""
    return float(header) if header is not None and header.isdecimal() else None
