"""A network between one device and the server that loses, doubles, delays and reorders what goes over it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Literal, get_args

from bench.device.wire import Answer, NoAnswer, Request, Send

Fate = Literal["through", "request_lost", "reply_lost", "doubled", "delayed"]
FATES: tuple[Fate, ...] = get_args(Fate)

Draw = Callable[[], Fate]


def perfect() -> Fate:
    return "through"


def weather(chance: random.Random, *, bad: float) -> Draw:
    """Every fate but the good one equally often; `bad` is their share."""

    def draw() -> Fate:
        return chance.choice(FATES[1:]) if chance.random() < bad else "through"

    return draw


class Hostile:
    """What is delayed arrives after later requests, in any order; its answer finds nobody."""

    def __init__(self, send: Send, draw: Draw, chance: random.Random) -> None:
        self.draw = draw
        self.late: list[Request] = []
        self._send = send
        self._chance = chance

    def __call__(self, request: Request) -> Answer:
        """Raises: NoAnswer."""
        fate = self.draw()
        if self.late and self._chance.random() < 0.5:
            self.deliver_one()  # overtakes this one
        if fate == "request_lost":
            raise NoAnswer(fate)
        if fate == "delayed":
            self.late.append(request)
            raise NoAnswer(fate)
        answer = self._send(request)
        if fate == "doubled":
            answer = self._send(request)
        if self.late and self._chance.random() < 0.5:
            self.deliver_one()
        if fate == "reply_lost":
            raise NoAnswer(fate)
        return answer

    def deliver_one(self) -> None:
        request = self.late.pop(self._chance.randrange(len(self.late)))
        try:
            self._send(request)
        except NoAnswer:
            self.late.append(request)

    def deliver_all(self) -> None:
        while self.late:
            self.deliver_one()
