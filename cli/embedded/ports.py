"""Which TCP ports are free on this machine."""

import socket

from cli.stop import Stop

HIGHEST = 65_535


class PortTaken(Stop):
    """Another program took a port between its choice and the server's start."""


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except socket.gaierror:
        raise Stop(
            f"HOST is {host}, which is no address of this machine. Set HOST, e.g. to 127.0.0.1."
        ) from None
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free(preferred: int | None = None) -> int:
    """The preferred port if it is free, else one that the system picks."""
    if preferred and is_free(preferred):
        return preferred
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def demand(port: int, *, host: str, setting: str) -> None:
    """Raises: Stop: another program listens on the port."""
    if not is_free(port, host):
        raise Stop(
            f"Port {port} on {host} is taken. Stop what uses it, or choose another: {setting}={port + 1}."
        )
