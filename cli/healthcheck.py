"""`python -m cli.healthcheck`: whether the process of this container lives, for Docker's HEALTHCHECK.

One image serves web, worker and scheduler: whichever of their ports answers is asked. Kubernetes has probes.
"""

from __future__ import annotations

import sys
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

from adapters.settings.table import SettingsError, from_environment

WITHIN_S = 3


def main() -> int:
    """0 if it lives, else 1."""
    try:
        settings = from_environment(servers_needed=False)
    except SettingsError:
        return 1
    ports = ((settings.port, "/api/health/live"), (settings.metrics_port, "/health/live"))
    return 0 if any(is_live(port, path) for port, path in ports) else 1


def is_live(port: int, path: str) -> bool:
    """Whether this machine answers 200 there."""
    connection = HTTPConnection("127.0.0.1", port, timeout=WITHIN_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
