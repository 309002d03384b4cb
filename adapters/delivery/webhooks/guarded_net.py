"""Connections for webhooks, guarded against private networks, DNS rebinding and slow peers.

A name is resolved once, all its addresses are checked, and a checked address is connected to. TLS then
verifies the
*name*. Everything, from resolving to the last byte read, is under one deadline.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import httpcore

from adapters.delivery.webhooks.allowed_addresses import is_listed, is_public, parse_address
from adapters.settings.parsers import Networks

Resolve = Callable[[str, int], Sequence[str]]
"""All addresses of a host, as text. Raises: OSError."""

MOST_ADDRESSES = 4
"""Most addresses of a name that are tried, one after the other."""


class AddressRefused(Exception):
    """Webhooks must not reach this address."""


class Unresolved(Exception):
    """The name has no address."""


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, by the system's resolver."""
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in addresses]


class Guard(httpcore.NetworkBackend):
    """The network of one request, which must end by `deadline` (on the monotonic clock)."""

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
        timeout: float | None = None,  # noqa: ARG002 - one deadline covers all
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Connect to a checked address.

        Raises: AddressRefused, Unresolved, httpcore's ConnectError and ConnectTimeout.
        """
        addresses = self._checked(host, self._resolved(host, port))
        *others, last = addresses[:MOST_ADDRESSES]
        for address in others:
            with suppress(httpcore.ConnectError):
                return self._connect(address, port)
        return self._connect(last, port)

    def _connect(self, address: str, port: int) -> httpcore.NetworkStream:
        with _httpcore_errors(httpcore.ConnectTimeout, httpcore.ConnectError):
            return _Stream(socket.create_connection((address, port), self._left()), self._left)

    def _checked(self, host: str, addresses: Sequence[str]) -> list[str]:
        """The addresses, if all are allowed: one that is not refuses them all, so that the result is
        predictable."""
        if not addresses:
            raise Unresolved(f"{host} has no address")
        for address in map(parse_address, addresses):
            if is_listed(address, self._allowed):
                continue
            if not is_public(address):
                raise AddressRefused(f"{host} leads to {address}, which is not a public address")
            if not self._is_secure:
                raise AddressRefused(f"{host} may be reached by https only")
        return list(dict.fromkeys(addresses))

    def _resolved(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host, within the deadline: in a thread, as the system's resolver cannot be
        cancelled."""
        results: list[Sequence[str] | OSError | UnicodeError] = []

        def run() -> None:
            try:
                results.append(self._resolve(host, port))
            except (OSError, UnicodeError) as error:
                results.append(error)

        thread = threading.Thread(target=run, name="resolve", daemon=True)
        thread.start()
        with _httpcore_errors(httpcore.ConnectTimeout, httpcore.ConnectError):
            thread.join(self._left())
        if not results:
            raise httpcore.ConnectTimeout(f"no response from the resolver for {host}")
        (result,) = results
        if isinstance(result, Exception):
            raise Unresolved(f"{host}: {result}")
        return result

    def _left(self) -> float:
        left = self._deadline - self._monotonic()
        if left <= 0:
            raise TimeoutError("the time for this request is over")
        return left


class _Stream(httpcore.NetworkStream):
    """A socket on which every operation ends by the deadline, even with a peer that sends byte by byte."""

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock = sock
        self._left = left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        with _httpcore_errors(httpcore.ReadTimeout, httpcore.ReadError):
            self._sock.settimeout(self._left())
            return self._sock.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        rest = memoryview(buffer)
        with _httpcore_errors(httpcore.WriteTimeout, httpcore.WriteError):
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
        with _httpcore_errors(httpcore.ConnectTimeout, httpcore.ConnectError):
            try:
                self._sock.settimeout(self._left())
                return _Stream(
                    ssl_context.wrap_socket(self._sock, server_hostname=server_hostname), self._left
                )
            except BaseException:
                self.close()
                raise


@contextmanager
def _httpcore_errors(late: type[Exception], broken: type[Exception]) -> Iterator[None]:
    """Turns socket errors into those of httpcore."""
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:
        raise broken(str(error)) from error
