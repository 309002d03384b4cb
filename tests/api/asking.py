"""An application that runs, and a client of it, without a socket between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from litestar import Litestar


@asynccontextmanager
async def running(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """Exceptions that the application lets out fail the test.

    The application lives in a task of its own: a fixture may be left in another task than it was entered in.
    """
    stop = asyncio.Event()
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    life = asyncio.create_task(_live(app, ready, stop))
    await asyncio.wait({life, ready}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if not life.done():
            transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # ASGI, with its types spelled out
            async with httpx.AsyncClient(transport=transport, base_url="http://millwright") as client:
                yield client
    finally:
        stop.set()
        await life


async def _live(app: Litestar, ready: asyncio.Future[None], stop: asyncio.Event) -> None:
    async with app.lifespan():
        ready.set_result(None)
        await stop.wait()
