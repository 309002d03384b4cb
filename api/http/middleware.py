"""Gives every request an id and metrics. Runs outside the router, so that a 404 has both."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from adapters.process.metrics import Metrics

SANE = re.compile(rb"[A-Za-z0-9._:@/+=-]{1,128}")
UNMATCHED = "unmatched"


class Envelope:
    """ASGI middleware. `new_id` makes the id where the request has no well-formed one."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, *, new_id: Callable[[], str], monotonic: Callable[[], float]
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._new_id = new_id
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        started = self._monotonic()
        request_id = self._request_id(scope["headers"])
        scope["state"]["request_id"] = request_id
        header = (b"x-request-id", request_id.encode("ascii"))
        status = 500

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], header]
            await send(message)

        try:
            await self._app(scope, receive, send_named)
        finally:
            route = str(scope.get("path_template") or UNMATCHED)
            self._metrics.request(str(scope["method"]), route, status, self._monotonic() - started)

    def _request_id(self, headers: Any) -> str:
        for name, value in headers:
            if name == b"x-request-id" and SANE.fullmatch(value):
                request_id: str = value.decode("ascii")
                return request_id
        return self._new_id()
