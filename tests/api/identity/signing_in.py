"""A device that signs in, over the application itself, with a clock that a test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import httpx

from adapters.process.clock import SystemClock
from adapters.settings.table import Settings
from api.app import create_app
from api.identity.device import COOKIE
from tests.api.asking import running
from tests.api.documented import Documented
from tests.api.people import PASSWORD


class MovedClock(SystemClock):
    """The system's, ahead by as much as a test says."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead.total_seconds()


@asynccontextmanager
async def moved(
    settings: Settings, documented: Documented
) -> AsyncIterator[tuple[httpx.AsyncClient, MovedClock]]:
    """The running application and its clock."""
    clock = MovedClock()
    async with running(create_app(settings, clock=clock)) as web:
        web.event_hooks = {"response": [documented.check]}
        yield web, clock


async def login(web: httpx.AsyncClient, email: str, password: str = PASSWORD) -> httpx.Response:
    """Signs in as a new device: cookies of before are gone."""
    web.cookies.clear()
    return await web.post("/api/auth/login", json={"email": email, "password": password})


async def refresh(web: httpx.AsyncClient, token: str | None = None, **headers: str) -> httpx.Response:
    """With this refresh token, or with that of the cookie."""
    if token is not None:
        web.cookies.clear()
        headers["Cookie"] = f"{COOKIE}={token}"
    return await web.post("/api/auth/refresh", headers=headers)


def bearer(answer: httpx.Response) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}
