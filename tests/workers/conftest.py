"""A fresh database with its indexes, and a broker on an empty Valkey."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from adapters.broker import hints
from adapters.broker.hints import HintBroker
from adapters.mongo import indexes


@pytest.fixture
def database_name(emptied_name: str) -> str:
    return emptied_name


@pytest.fixture
def db(database: Database[Any]) -> Database[Any]:
    indexes.create(database)
    return database


@pytest.fixture
def broker(redis_url: str) -> Iterator[HintBroker]:
    made = hints.broker(redis_url)
    yield made
    made.close()
