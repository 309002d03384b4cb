"""A wire to a real server that can fall silent: requests arrive, answers do not."""

from __future__ import annotations

import socket
import threading
from types import TracebackType


class Wire:
    """Forwards TCP from a free local port, inside `with`. While `silent` is set, answers are dropped."""

    def __init__(self, host: str, port: int) -> None:
        self.silent = threading.Event()
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
            threading.Thread(target=self._forward, args=(near, far, None), daemon=True).start()
            threading.Thread(target=self._forward, args=(far, near, self.silent), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, dropped: threading.Event | None) -> None:
        try:
            while data := source.recv(65_536):
                if dropped is None or not dropped.is_set():
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return
