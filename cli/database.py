"""Opens the database of the settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo.database import Database

from adapters.mongo import client as mongo
from adapters.settings.table import DATABASE, Settings

FIND_WITHIN_MS = 5000


@contextmanager
def opened(settings: Settings) -> Iterator[Database[dict[str, Any]]]:
    """The database for the length of a block; a person waits, so a dead server is reported within 5 s."""
    with mongo.client(settings.mongo_uri, serverSelectionTimeoutMS=FIND_WITHIN_MS) as client:
        yield client.get_default_database(DATABASE)
