"""`python -m api`: the web process."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from litestar import Litestar

from adapters.mongo import demo_guard
from adapters.mongo.client import Unavailable
from adapters.mongo.demo_guard import DemoInProduction
from adapters.process import logs
from adapters.settings.table import Settings, SettingsError, from_environment
from api.app import create_app

GRACE_S = 3
"""How long running requests may take after a signal to stop."""


def main() -> int:
    try:
        settings = from_environment()
    except SettingsError as error:
        sys.stderr.writelines(f"web: setting {fault}\n" for fault in error.faults)
        return 1
    logs.configure(settings, "web")
    try:
        demo_guard.refuse_demo(settings)
    except (DemoInProduction, Unavailable) as error:
        sys.stderr.write(f"web: {error}\n")
        return 1
    serve(create_app(settings), settings)
    return 0


def serve(app: Litestar, settings: Settings) -> None:
    """Serves until a signal stops the process."""
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=30,
        **as_served(settings),
    )


def as_served(settings: Settings) -> dict[str, Any]:
    """Uvicorn's options for parsing requests, trusting proxies and logging."""
    return {
        "http": "httptools",
        "forwarded_allow_ips": [str(network) for network in settings.forwarded_allow_ips],
        "access_log": False,
        "log_config": None,
        "server_header": False,
        "date_header": False,
        "lifespan": "on",
    }


if __name__ == "__main__":
    sys.exit(main())
