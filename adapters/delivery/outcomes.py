"""What carries one message to the outside, and every way in which that can end.

The ledger says `sending` before `send` is called. So the outcome decides alone whether a row may be tried
again: a sender must say `Uncertain` whenever the other side may have taken the message.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

import msgspec

from adapters.mongo.client import Document


class Trouble(msgspec.Struct, frozen=True):
    """Why it did not go: a word for programs, a sentence for people (without secrets)."""

    code: str
    message: str


class Sent(msgspec.Struct, frozen=True):
    """The other side has confirmed that it took the message."""


class Again(msgspec.Struct, frozen=True):
    """It was certainly not taken, and may be later: in `after`, or by the ledger's own backoff."""

    error: Trouble
    after: timedelta | None = None


class Failed(msgspec.Struct, frozen=True):
    """It was not taken and never will be."""

    error: Trouble


class Uncertain(msgspec.Struct, frozen=True):
    """It may have been taken: only a person may say that it is sent once more."""

    error: Trouble


class Down(msgspec.Struct, frozen=True):
    """Nothing of this channel can go now, whatever the message: no attempt is counted."""

    error: Trouble


class Later(msgspec.Struct, frozen=True):
    """Not tried: this receiver is left alone for `after`, others are not. No attempt is counted."""

    error: Trouble
    after: timedelta


Outcome = Sent | Again | Failed | Uncertain | Down | Later


class Sender(Protocol):
    """One channel. Used by `threads` threads at once."""

    @property
    def channel(self) -> str:
        """The word in the ledger's rows."""

    @property
    def threads(self) -> int:
        """How many messages of one process may be on their way at once."""

    @property
    def collapses(self) -> bool:
        """Whether many rows for one recipient become one message (a digest)."""

    @property
    def repeatable(self) -> bool:
        """Whether receivers recognise what they get twice, so that a row whose sender was killed is sent
        again instead of left to a person."""

    def send(self, rows: Sequence[Document]) -> Outcome:
        """One message for these rows (more than one only where it collapses), within 50 s: then the claim
        is nearly over and others think us dead. All rows share what comes of it.

        A row is as in the ledger, `message_id` and `attempts` of this attempt included; where the recipient
        is a user it has `person` too: {id, name, email, locale, time_zone}, as read a moment ago.
        """

    def rest(self) -> None:
        """Nothing is due for this thread now: let go of connections."""
