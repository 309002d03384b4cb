"""Short transactions, for one act of a person or a duty, under a deadline."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import pymongo
from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.mongo.client import TRANSACTION, translated

T = TypeVar("T")

DEADLINE = timedelta(seconds=4)


def in_transaction(db: Database[Any], work: Callable[[ClientSession], T]) -> T:
    """The result of `work`, run in a transaction and committed; repeated on contention within DEADLINE.

    Raises: Unavailable, Contention, UnknownOutcome.
    """
    with translated(), pymongo.timeout(DEADLINE.total_seconds()), db.client.start_session() as session:
        return session.with_transaction(work, **TRANSACTION)
