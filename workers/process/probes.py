"""/metrics, /health/live and /health/ready for processes that have no web server of their own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from adapters.process.clock import Clock, SystemClock
from adapters.process.metrics import CONTENT_TYPE

JSON = "application/json"
Response = tuple[HTTPStatus, str, bytes]


class Probes:
    """Serves inside `with`, from a daemon thread.

    `live` and `ready` are called at every request, on a thread of its own. False from `live` asks for a
    restart, False from `ready` for patience.
    """

    def __init__(
        self,
        port: int,
        *,
        live: Callable[[], bool],
        ready: Callable[[], bool],
        exposition: Callable[[], bytes] = bytes,
        host: str = "127.0.0.1",
        clock: Clock | None = None,
    ) -> None:
        """Port 0 picks a free one. Raises: OSError: the port is taken, or the host not ours."""
        self._live = live
        self._ready = ready
        self._exposition = exposition
        self._clock = clock or SystemClock()
        self._server = _Server((host, port), self.respond)
        self._thread = threading.Thread(target=self._server.serve_forever, name="probes", daemon=True)

    @property
    def port(self) -> int:
        return self._server.server_port

    def __enter__(self) -> Probes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def respond(self, path: str) -> Response:
        """The response to a GET of this path."""
        match path.partition("?")[0]:
            case "/metrics":
                return HTTPStatus.OK, CONTENT_TYPE, self._exposition()
            case "/health/live":
                return self._verdict(self._live(), "live", "dead")
            case "/health/ready":
                return self._verdict(self._ready(), "ready", "not_ready")
            case _:
                return HTTPStatus.NOT_FOUND, JSON, b'{"status":"unknown"}'

    def _verdict(self, good: bool, yes: str, no: str) -> Response:  # noqa: FBT001 - the question is in the words
        status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        return status, JSON, msgspec.json.encode({"status": yes if good else no, "time": self._clock.now()})


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], respond: Callable[[str], Response]) -> None:
        self.respond = respond
        # By itself it knows only version 4: a worker whose HOST was of version 6 did not start.
        self.address_family = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0][0]
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 5
    """Seconds an idle or slow client may hold a thread."""

    def do_GET(self) -> None:
        status, content_type, body = self.server.respond(self.path)
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """A probe every few seconds is no event."""
