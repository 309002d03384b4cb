"""A receiver of webhooks, over real sockets, that misbehaves as its path says."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

SECRET = "a-secret-of-the-receiver-only"


class Received(msgspec.Struct, frozen=True):
    path: str
    headers: Mapping[str, str]
    body: bytes


class Receiver:
    """What arrived, genuine requests only, and what it took: each id once."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.forged = 0
        self.taken: dict[str, Any] = {}
        self.over = threading.Event()
        self.port = 0

    def url(self, path: str, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}/{path}"

    def hear(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        try:
            event = Webhook(SECRET.encode()).verify(body, dict(headers))
        except WebhookVerificationError:
            self.forged += 1
            return
        self.received.append(Received(path, headers, body))
        if path.startswith(("/ok", "/cut")):
            self.taken.setdefault(headers["webhook-id"], event)


@contextmanager
def running(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(_Handler):
        told = receiver

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a sender that hangs up is no news
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        receiver.port = server.server_address[1]
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield receiver
        finally:
            receiver.over.set()
            server.shutdown()
            serving.join()


class _Handler(BaseHTTPRequestHandler):
    told: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.told.hear(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        behave = _BEHAVIOURS[self.path.split("/")[1].split("?")[0]]
        with suppress(OSError):
            behave(self)

    def answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Tests look at `received`."""


def _cut(handler: _Handler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def _huge(handler: _Handler) -> None:
    handler.answer(200)
    while not handler.told.over.is_set():
        handler.wfile.write(b"x" * 65_536)


def _dribble(handler: _Handler) -> None:
    """An answer that is always about to come."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nx-endless: ")
    while not handler.told.over.wait(0.02):
        handler.wfile.write(b"x")


_BEHAVIOURS: Mapping[str, Callable[[_Handler], object]] = {
    "ok": lambda handler: handler.answer(204),
    "429": lambda handler: handler.answer(429, retry_after="120"),
    "500": lambda handler: handler.answer(500),
    "404": lambda handler: handler.answer(404),
    "410": lambda handler: handler.answer(410),
    "redirect": lambda handler: handler.answer(307, location=handler.told.url("ok", "localhost")),
    "hang": lambda handler: handler.told.over.wait(10),
    "cut": _cut,
    "huge": _huge,
    "dribble": _dribble,
}
