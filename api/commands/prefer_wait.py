"""`Prefer: wait`: one poller per process reads the state of all awaited commands in one query."""

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

SHORTEST_PAUSE = timedelta(milliseconds=3)
LONGEST_PAUSE = timedelta(milliseconds=100)
GROWTH = 1.3
CAPACITY = 2_000
"""Commands that can be awaited at once; further callers get their 202 without waiting."""

DEADLINE = timedelta(seconds=2)


class FinalStatePoller:
    """Use as an async context. Each new waiter resets the pause between polls to SHORTEST_PAUSE."""

    def __init__(self, commands: AsyncCollection[Any]) -> None:
        self._commands = commands
        self._waiting: dict[str, list[asyncio.Future[Document]]] = {}
        self._wake = asyncio.Event()
        self.poller = Supervised("waits", self._poll_for_ever)

    async def __aenter__(self) -> FinalStatePoller:
        self.poller.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.poller.stop()

    async def wait_until_final(self, command_id: str, within: timedelta) -> Document | None:
        """The command once it is final, read with majority; None after `within`."""
        if len(self._waiting) >= CAPACITY:
            return None
        future: asyncio.Future[Document] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(command_id, []).append(future)
        self._wake.set()
        try:
            return await asyncio.wait_for(future, within.total_seconds())
        except TimeoutError:
            return None
        finally:
            self._remove(command_id, future)

    def _remove(self, command_id: str, future: asyncio.Future[Document]) -> None:
        futures = self._waiting.get(command_id, [])
        if future in futures:
            futures.remove(future)
        if not futures:
            self._waiting.pop(command_id, None)

    async def _poll_for_ever(self) -> None:
        pause = SHORTEST_PAUSE
        while True:
            if not self._waiting:
                await self._wake.wait()
            if self._wake.is_set():
                self._wake.clear()
                pause = SHORTEST_PAUSE
            await self._poll()
            await asyncio.sleep(pause.total_seconds())
            pause = min(pause * GROWTH, LONGEST_PAUSE)

    async def _poll(self) -> None:
        query = {"_id": {"$in": list(self._waiting)}, "active": {"$exists": False}}
        try:
            with pymongo.timeout(DEADLINE.total_seconds()):
                async for document in self._commands.find(query):
                    self._complete(document)
        except (PyMongoError, TimeoutError) as error:
            # Waiting callers get their 202 in the end: the command itself is durable.
            logger.bind(waiting=len(self._waiting)).warning("cannot poll for final commands: {}", str(error))

    def _complete(self, document: Document) -> None:
        for future in self._waiting.pop(document["_id"], []):
            if not future.done():
                future.set_result(document)
