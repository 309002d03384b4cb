"""The interface of senders, and all outcomes of sending a message.

The ledger says `sending` before `send` is called, so the outcome alone decides whether a row may be retried:
a sender must return `Uncertain` whenever the receiver may have taken the message.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

import msgspec

from adapters.mongo.client import Document


class Trouble(msgspec.Struct, frozen=True):
    """Why a message was not sent: a code for programs, a message for people (without secrets)."""

    code: str
    message: str


class Sent(msgspec.Struct, frozen=True):
    """The receiver confirmed that it took the message."""


class Again(msgspec.Struct, frozen=True):
    """Certainly not taken; to be retried in `after`, or with the default backoff."""

    error: Trouble
    after: timedelta | None = None


class Failed(msgspec.Struct, frozen=True):
    """Not taken, and a retry is pointless."""

    error: Trouble


class Uncertain(msgspec.Struct, frozen=True):
    """It may have been taken: only an operator may send it again."""

    error: Trouble


class Down(msgspec.Struct, frozen=True):
    """The whole channel is down: no attempt is counted."""

    error: Trouble


class Later(msgspec.Struct, frozen=True):
    """Not tried, because this receiver is paused for `after`. No attempt is counted."""

    error: Trouble
    after: timedelta


Outcome = Sent | Again | Failed | Uncertain | Down | Later


class Sender(Protocol):
    """The sender of one channel, used by `threads` threads at once."""

    @property
    def channel(self) -> str:
        """The channel's name in the ledger."""

    @property
    def threads(self) -> int:
        """How many messages one process may send at once."""

    @property
    def collapses(self) -> bool:
        """Whether several rows for one recipient may become one message."""

    @property
    def repeatable(self) -> bool:
        """Whether receivers recognise repeats, so that a row whose worker died is sent again instead of left
        to an operator."""

    def send(self, rows: Sequence[Document]) -> Outcome:
        """Send one message for these rows (several only if `collapses`), within 50 s, before the claim
        expires. The outcome is that of all rows.

        A row is as in the ledger, with `message_id` and `attempts` of this attempt; if the recipient is a
        user, it also has `person`: {id, name, email, locale, time_zone}.
        """

    def rest(self) -> None:
        """Called when nothing is due for this thread: close connections."""
