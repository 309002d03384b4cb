"""`Prefer: wait`: one poller for all that wait in this process, asking for all of them at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pymongo
from loguru import logger
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from adapters.mongo.client import Document
from adapters.process.background_task import Supervised

QUICKEST = timedelta(milliseconds=3)
SLOWEST = timedelta(milliseconds=100)
GROWTH = 1.3
CAPACITY = 2_000
"""Commands that may be waited for at once; a further caller gets its 202 without waiting."""

DEADLINE = timedelta(seconds=2)


class Waits:
    """Use as an async context. The pause between polls starts anew at QUICKEST with each newcomer."""

    def __init__(self, commands: AsyncCollection[Any]) -> None:
        self._commands = commands
        self._waiting: dict[str, list[asyncio.Future[Document]]] = {}
        self._came = asyncio.Event()
        self.poller = Supervised("waits", self._poll_for_ever)

    async def __aenter__(self) -> Waits:
        self.poller.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.poller.stop()

    async def final(self, command_id: str, within: timedelta) -> Document | None:
        """The command once it is final, read with majority; None when it is not so in time."""
        if len(self._waiting) >= CAPACITY:
            return None
        future: asyncio.Future[Document] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(command_id, []).append(future)
        self._came.set()
        try:
            return await asyncio.wait_for(future, within.total_seconds())
        except TimeoutError:
            return None
        finally:
            self._leave(command_id, future)

    def _leave(self, command_id: str, future: asyncio.Future[Document]) -> None:
        futures = self._waiting.get(command_id, [])
        if future in futures:
            futures.remove(future)
        if not futures:
            self._waiting.pop(command_id, None)

    async def _poll_for_ever(self) -> None:
        pause = QUICKEST
        while True:
            if not self._waiting:
                await self._came.wait()
            if self._came.is_set():
                self._came.clear()
                pause = QUICKEST
            await self._poll()
            await asyncio.sleep(pause.total_seconds())
            pause = min(pause * GROWTH, SLOWEST)

    async def _poll(self) -> None:
        query = {"_id": {"$in": list(self._waiting)}, "active": {"$exists": False}}
        try:
            with pymongo.timeout(DEADLINE.total_seconds()):
                async for document in self._commands.find(query):
                    self._settle(document)
        except (PyMongoError, TimeoutError) as error:
            # Who waits gets its 202 in the end: the command itself is safe.
            logger.bind(waiting=len(self._waiting)).warning("cannot look for endings: {}", str(error))

    def _settle(self, document: Document) -> None:
        for future in self._waiting.pop(document["_id"], []):
            if not future.done():
                future.set_result(document)
