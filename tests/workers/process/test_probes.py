"""Where a worker or scheduler answers probes."""

from __future__ import annotations

import socket
from urllib.request import urlopen

import pytest

from workers.process.probes import Probes


def _can_listen(host: str) -> bool:
    try:
        socket.create_server((host, 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


HOSTS = [
    ("127.0.0.1", "127.0.0.1"),
    ("localhost", "localhost"),
    pytest.param("::1", "[::1]", marks=pytest.mark.skipif(not _can_listen("::1"), reason="no IPv6 here")),
]


@pytest.mark.parametrize(("host", "named"), HOSTS)
def test_probes_are_answered_on_whatever_address_the_host_is(host: str, named: str) -> None:
    with (
        Probes(0, host=host, live=lambda: True, ready=lambda: True) as probes,
        urlopen(f"http://{named}:{probes.port}/health/live", timeout=20) as answer,
    ):
        assert answer.status == 200
