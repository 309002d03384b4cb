"""Health and metrics: the process is alive; it can take commands; what it has counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import anyio.to_thread
import msgspec
import pymongo
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from adapters.telemetry import CONTENT_TYPE, Metrics

PATIENCE = timedelta(seconds=2)

_encode = msgspec.json.Encoder().encode


class Health:
    """`ping_queue` blocks and raises OSError when the queue does not answer."""

    def __init__(
        self,
        db: AsyncDatabase[Any],
        metrics: Metrics,
        *,
        ping_queue: Callable[[], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._db = db
        self._metrics = metrics
        self._ping_queue = ping_queue
        self._now = now

    def live(self) -> ASGIResponse:
        return ASGIResponse(body=_encode({"status": "live", "time": self._now()}))

    async def ready(self) -> ASGIResponse:
        """Ready as long as commands can be made durable; hints may be late."""
        database = "up" if await self._has_primary() else "down"
        queue = "up" if await anyio.to_thread.run_sync(self._ping_queue) else "degraded"
        status = "ready" if database == "up" else "not_ready"
        told = {"status": status, "database": database, "queue": queue}
        return ASGIResponse(body=_encode(told), status_code=200 if database == "up" else 503)

    def metrics(self) -> ASGIResponse:
        return ASGIResponse(body=self._metrics.exposition(), media_type=CONTENT_TYPE)

    async def _has_primary(self) -> bool:
        try:
            with pymongo.timeout(PATIENCE.total_seconds()):
                hello = await self._db.command("hello")
        except (PyMongoError, TimeoutError):
            return False
        return bool(hello.get("isWritablePrimary"))


def routes(health: Health) -> list[HTTPRouteHandler]:
    @get("/api/health/live", operation_id="health.live", tags=["health"], sync_to_thread=False)
    def live() -> ASGIResponse:
        """Whether the process runs."""
        return health.live()

    @get("/api/health/ready", operation_id="health.ready", tags=["health"])
    async def ready() -> ASGIResponse:
        """Whether commands can be made durable now."""
        return await health.ready()

    @get("/metrics", include_in_schema=False, sync_to_thread=False)
    def metrics() -> ASGIResponse:
        """Prometheus text."""
        return health.metrics()

    return [live, ready, metrics]
