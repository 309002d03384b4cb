"""A wire to a real server that can fall silent or break: requests arrive, answers do not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType


class Wire:
    """Forwards TCP from a free local port, inside `with`. While `silent` is set, answers are dropped.

    `breaks` is asked at each answer whether the connection breaks instead of bringing it.
    """

    def __init__(self, host: str, port: int, *, breaks: Callable[[], bool] = lambda: False) -> None:
        self.silent = threading.Event()
        self._breaks = breaks
        self._to = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Wire:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for end in (self._listener, *self._open):
            end.close()

    def _listen(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._to)
            self._open += [near, far]
            threading.Thread(target=self._ask, args=(near, far), daemon=True).start()
            threading.Thread(target=self._answer, args=(far, near), daemon=True).start()

    def _ask(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):  # either end has gone
            while data := near.recv(65_536):
                far.sendall(data)
            far.shutdown(socket.SHUT_WR)

    def _answer(self, far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            while (data := far.recv(65_536)) and not self._breaks():
                if not self.silent.is_set():
                    near.sendall(data)
            near.shutdown(socket.SHUT_RDWR if data else socket.SHUT_WR)
            if data:
                far.shutdown(socket.SHUT_RDWR)
