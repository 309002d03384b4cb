"""Clients that post through the real door while everything behind it falls over."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

from adapters.broker import hints
from adapters.commands.acceptance import Intake, Overloaded
from adapters.commands.document import TargetQueue
from adapters.mongo import client as mongo
from adapters.mongo.client import Document, Unavailable
from adapters.process.clock import SystemClock
from api.commands.hint_sender import HintSender

AT_ONCE = 5
"""Of each target's commands so many are posted without a pause: that is the burst at the beginning."""


class Poster:
    """Posts each target's commands one after another, all targets at once, over about `lasts_s` seconds."""

    def __init__(self, uri: str, broker_url: str, *, lasts_s: float, chance: random.Random) -> None:
        self.accepted: list[str] = []
        """Ids that got a 202, as they came."""
        self.refused = 0
        """Answers that told a client to repeat."""
        self._uri = uri
        self._broker = hints.broker(broker_url)
        self._lasts_s = lasts_s
        self._chance = chance

    def post(self, targets: Sequence[Sequence[Document]]) -> None:
        """Returns when all are accepted."""
        asyncio.run(self._post(targets))

    async def _post(self, targets: Sequence[Sequence[Document]]) -> None:
        def send(queue: str, lines: Sequence[TargetQueue]) -> None:
            hints.send(self._broker, queue, lines)

        clock = SystemClock()
        async with mongo.async_client(self._uri) as client:
            commands = client.get_default_database()["commands"]
            sender = HintSender(send, lost=lambda _: None, monotonic=clock.monotonic)
            async with Intake(commands) as intake, sender:
                await asyncio.gather(*(self._one(intake, sender.hint, target) for target in targets))

    async def _one(
        self, intake: Intake, hint: Callable[[str, TargetQueue], None], commands: Sequence[Document]
    ) -> None:
        for place, command in enumerate(commands):
            if place >= AT_ONCE:  # a load has a pace; nobody waits for this to have an effect
                await asyncio.sleep(self._chance.random() * 2 * self._lasts_s / (len(commands) - AT_ONCE))
            await self._accept(intake, command)
            self.accepted.append(command["_id"])
            hint(command["queue"], (command["tenant_id"], command["target"]))

    async def _accept(self, intake: Intake, command: Document) -> None:
        while True:
            try:
                await intake.accept(command)
                return
            except (Unavailable, Overloaded):  # the outcome is unknown: the same body with the same key
                self.refused += 1
                await asyncio.sleep(self._chance.random())
