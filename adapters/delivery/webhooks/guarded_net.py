"""Connections that cannot be led astray: into private networks, to a name that resolves anew, or on for ever.

A name is resolved once, all that it resolves to is judged, and the judged address itself is connected to. TLS
then verifies the *name*. Everything, from resolving to the last byte read, is under one deadline.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import httpcore

from adapters.delivery.webhooks.allowed_addresses import is_listed, is_public, parsed
from adapters.settings.parsers import Networks

Resolve = Callable[[str, int], Sequence[str]]
"""All addresses of a host, as text. Raises: OSError."""

MOST_ADDRESSES = 4
"""Tried one after the other, of those that a name resolves to."""


class Refused(Exception):
    """The guard does not let us go there."""


class Unresolved(Exception):
    """The name has no address now."""


def resolve(host: str, port: int) -> Sequence[str]:
    """As this machine does."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Guard(httpcore.NetworkBackend):
    """For one request, which must be over by `deadline` (on the monotonic clock)."""

    def __init__(
        self,
        allowed: Networks,
        *,
        is_secure: bool,
        deadline: float,
        monotonic: Callable[[], float],
        resolve: Resolve = resolve,
    ) -> None:
        self._allowed = allowed
        self._is_secure = is_secure
        self._deadline = deadline
        self._monotonic = monotonic
        self._resolve = resolve

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - ours is one for all
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Raises: Refused, Unresolved, httpcore's ConnectError and ConnectTimeout."""
        addresses = self._judged(host, self._resolved(host, port))
        *others, last = addresses[:MOST_ADDRESSES]
        for address in others:
            with suppress(httpcore.ConnectError):
                return self._connect(address, port)
        return self._connect(last, port)

    def _connect(self, address: str, port: int) -> httpcore.NetworkStream:
        with _told(httpcore.ConnectTimeout, httpcore.ConnectError):
            return _Stream(socket.create_connection((address, port), self._left()), self._left)

    def _judged(self, host: str, addresses: Sequence[str]) -> list[str]:
        """One that may not be reached condemns them all: which one is taken must not be a matter of luck."""
        if not addresses:
            raise Unresolved(f"{host} has no address")
        for address in map(parsed, addresses):
            if is_listed(address, self._allowed):
                continue
            if not is_public(address):
                raise Refused(f"{host} leads to {address}, which is not on the internet")
            if not self._is_secure:
                raise Refused(f"{host} may be told by https only")
        return list(dict.fromkeys(addresses))

    def _resolved(self, host: str, port: int) -> Sequence[str]:
        """Within the deadline: the system's resolver has patience of its own, and nobody can stop it."""
        found: list[Sequence[str] | OSError | UnicodeError] = []

        def ask() -> None:
            try:
                found.append(self._resolve(host, port))
            except (OSError, UnicodeError) as error:
                found.append(error)

        asking = threading.Thread(target=ask, name="resolve", daemon=True)
        asking.start()
        with _told(httpcore.ConnectTimeout, httpcore.ConnectError):
            asking.join(self._left())
        if not found:
            raise httpcore.ConnectTimeout(f"no answer about {host}")
        (answer,) = found
        if isinstance(answer, Exception):
            raise Unresolved(f"{host}: {answer}")
        return answer

    def _left(self) -> float:
        left = self._deadline - self._monotonic()
        if left <= 0:
            raise TimeoutError("the time for this request is over")
        return left


class _Stream(httpcore.NetworkStream):
    """A socket on which every step ends by the deadline, also for a peer that gives or takes byte by byte."""

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock = sock
        self._left = left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        with _told(httpcore.ReadTimeout, httpcore.ReadError):
            self._sock.settimeout(self._left())
            return self._sock.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        rest = memoryview(buffer)
        with _told(httpcore.WriteTimeout, httpcore.WriteError):
            while rest:
                self._sock.settimeout(self._left())
                rest = rest[self._sock.send(rest) :]

    def close(self) -> None:
        self._sock.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        with _told(httpcore.ConnectTimeout, httpcore.ConnectError):
            try:
                self._sock.settimeout(self._left())
                return _Stream(
                    ssl_context.wrap_socket(self._sock, server_hostname=server_hostname), self._left
                )
            except BaseException:
                self.close()
                raise


@contextmanager
def _told(late: type[Exception], broken: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:
        raise broken(str(error)) from error
