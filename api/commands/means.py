"""What a route needs to act on commands that are stored already."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from adapters.operators.outcomes import Outcome, publish
from adapters.process.metrics import Metrics
from api.commands.hint_sender import HintSender
from api.identity.acts import Acting
from tasks.catalogue import Catalogue


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """The dependencies of routes that act on stored commands; built once for a process.

    `acts_db` is the synchronous database for transactions, used in threads.
    """

    db: AsyncDatabase[Any]
    acts_db: Database[Any]
    acting: Acting
    hints: HintSender
    catalogue: Catalogue
    metrics: Metrics
    keys_kept: timedelta

    def publish(self, outcome: Outcome) -> None:
        """Count and hint what an act by hand has left."""
        publish(outcome, hint=self.hints.hint, metrics=self.metrics)
