"""Liveness, readiness and Prometheus metrics of the web process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import anyio.to_thread
import pymongo
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from adapters.process.background_task import Supervised
from adapters.process.metrics import CONTENT_TYPE, Metrics
from api.http.encoding import encode
from api.http.openapi import operation

PATIENCE = timedelta(seconds=2)


class Health:
    """`ping_queue` blocks and raises OSError when the queue does not answer."""

    def __init__(
        self,
        db: AsyncDatabase[Any],
        metrics: Metrics,
        *,
        ping_queue: Callable[[], bool],
        tasks: Sequence[Supervised],
        now: Callable[[], datetime],
    ) -> None:
        self._db = db
        self._metrics = metrics
        self._ping_queue = ping_queue
        self._tasks = tasks
        self._now = now

    def live(self) -> ASGIResponse:
        return ASGIResponse(body=encode({"status": "live", "time": self._now()}))

    async def ready(self) -> ASGIResponse:
        """200 while commands can be stored durably; hints may be late. 503 without a primary, or while a
        background task that requests depend on keeps failing; `failing` names those tasks."""
        database = "up" if await self._has_primary() else "down"
        queue = "up" if await anyio.to_thread.run_sync(self._ping_queue) else "degraded"
        failing = [task.name for task in self._tasks if not task.is_well]
        is_ready = database == "up" and not failing
        report: dict[str, Any] = {
            "status": "ready" if is_ready else "not_ready",
            "database": database,
            "queue": queue,
        }
        if failing:
            report["failing"] = failing
        return ASGIResponse(body=encode(report), status_code=200 if is_ready else 503)

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

    @get(
        "/api/health/ready",
        operation_id="health.ready",
        operation_class=operation(responses={"503": ("Not ready; plain JSON of the same form", None)}),
        tags=["health"],
    )
    async def ready() -> ASGIResponse:
        """Whether commands can be made durable now."""
        return await health.ready()

    @get("/metrics", include_in_schema=False, sync_to_thread=False)
    def metrics() -> ASGIResponse:
        """Prometheus text."""
        return health.metrics()

    return [live, ready, metrics]
