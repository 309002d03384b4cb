"""The network between a phone and the server: it can be cut, lose answers, or have something else answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host", "accept-encoding"}
CHUNK = 64 * 1024


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: bytes


@dataclass(frozen=True)
class Fault:
    """What befalls a request: `status` is answered instead, or the answer is lost.

    With `reaches` it is lost after the server has acted.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    reaches: bool = False


Rule = Callable[[Request], Fault | None]
Rewrite = Callable[[str, bytes], bytes]


class Network:
    """An HTTP proxy in front of one server. `seen` has every request of the API in the order of arrival."""

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self._rule: Rule = lambda _: None
        self._rewrite: Rewrite | None = None
        self.seen: list[Request] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://localhost:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def heal(self) -> None:
        self._rule = lambda _: None

    def fail(self, rule: Rule) -> None:
        self._rule = rule

    def cut(self) -> None:
        """Nothing reaches the API."""
        self.fail(lambda request: Fault() if request.path.startswith("/api/") else None)

    def answer(self, path: str, status: int, *, body: bytes = b"", **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.fail(lambda request: Fault(status, named, body) if request.path.startswith(path) else None)

    def lose_answers(self, path: str, *, times: int) -> None:
        """The server acts, and the phone does not hear of it."""
        left = [times]

        def rule(request: Request) -> Fault | None:
            if not request.path.startswith(path) or left[0] == 0:
                return None
            left[0] -= 1
            return Fault(reaches=True)

        self.fail(rule)

    def rewrite(self, change: Rewrite) -> None:
        """Every answer's body passes through `change(path, body)`."""
        self._rewrite = change

    def requests(self, path: str, method: str | None = None) -> list[Request]:
        return [one for one in self.seen if one.path.startswith(path) and method in (None, one.method)]

    def _forward(self, handler: BaseHTTPRequestHandler, request: Request) -> None:
        fault = self._rule(request)
        if fault and fault.status is not None:
            _answer(handler, fault.status, fault.headers, fault.body)
            return
        if fault and not fault.reaches:
            handler.close_connection = True
            return
        connection = HTTPConnection(self._upstream.hostname or "", self._upstream.port, timeout=30)
        try:
            headers = {
                name: value for name, value in handler.headers.items() if name.lower() not in HOP_BY_HOP
            }
            headers["Host"] = self._upstream.netloc
            headers.pop("Origin", None)
            if self._rewrite:
                headers.pop("If-None-Match", None)
            connection.request(request.method, request.path, request.body, headers)
            answer = connection.getresponse()
            if fault:
                answer.read()
                handler.close_connection = True
                return
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP]
            if answer.headers.get_content_type() == "text/event-stream":
                _stream(handler, answer, kept)
                return
            body = answer.read()
            if self._rewrite:
                body = self._rewrite(request.path, body)
            without = {"content-length"}
            _answer(handler, answer.status, [one for one in kept if one[0].lower() not in without], body)
        except (OSError, HTTPException):
            handler.close_connection = True
        finally:
            connection.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        network = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                request = Request(self.command, self.path, self.rfile.read(length))
                if request.path.startswith("/api/"):
                    network.seen.append(request)
                network._forward(self, request)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _any  # noqa: N815 - the library's names

            def log_message(self, *_: Any) -> None:
                """The tests read `seen`."""

        return Handler


def _answer(
    handler: BaseHTTPRequestHandler,
    status: int,
    headers: dict[str, str] | list[tuple[str, str]],
    body: bytes,
) -> None:
    handler.send_response(status)
    for name, value in headers.items() if isinstance(headers, dict) else headers:
        handler.send_header(name, value)
    if status != 304:
        handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


def _stream(handler: BaseHTTPRequestHandler, answer: Any, headers: list[tuple[str, str]]) -> None:
    handler.send_response(answer.status)
    for name, value in headers:
        handler.send_header(name, value)
    handler.send_header("connection", "close")
    handler.end_headers()
    handler.close_connection = True
    while chunk := answer.read1(CHUNK):
        handler.wfile.write(chunk)
        handler.wfile.flush()
