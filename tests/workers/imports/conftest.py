"""A worker over real stores, users who may import, and files made up for one test."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from adapters.imports import report as import_report
from adapters.imports import store as imports
from adapters.mongo import client as mongo
from adapters.mongo import indexes
from adapters.mongo.client import Document
from adapters.process.clock import SystemClock
from domain.importing.mapping import Mapping
from tests.support.patience import eventually
from tests.support.seeds import new_id, user
from tests.support.working import a_worker
from workers.worker import WorkerProcess

TENANT = "demo"
ADMIN = "u1"

COLUMNS = Mapping(
    columns={"title": "Text", "asset": "Machine", "created_at": "Day", "cost": "Cost"},
    currency="AUD",
    status="closed",
)


class Imports:
    """Imports of one tenant: made, waited for, and looked at."""

    def __init__(self, db: Database[Any]) -> None:
        self.db = db

    def make(
        self, text: str | bytes, mapping: Mapping = COLUMNS, *, name: str = "history", **more: Any
    ) -> str:
        made = imports.submit(
            self.db,
            io.BytesIO(text.encode() if isinstance(text, str) else text),
            id=new_id(),
            tenant_id=TENANT,
            user_id=more.pop("user_id", ADMIN),
            name=name,
            mapping=mapping,
            file_name="history.csv",
            dry_run=more.pop("dry_run", False),
            at=SystemClock().now(),
        )
        assert not more
        id: str = made["_id"]
        return id

    def found(self, id: str) -> Document:
        found = imports.find(self.db, TENANT, id)
        assert found is not None
        return found

    def ended(self, id: str, *, within_s: float = 60) -> import_report.ImportView:
        """The import as clients see it, once it has ended."""
        eventually(lambda: self.found(id)["state"] not in imports.OPEN, within_s=within_s, what="the import")
        return import_report.import_view(self.db, self.found(id))

    def refused(self, id: str) -> list[Document]:
        return import_report.rows(self.db, TENANT, id, outcome="refused", after_line=0, limit=200)

    def rows(self, id: str) -> list[Document]:
        return import_report.rows(self.db, TENANT, id, after_line=0, limit=200)

    def orders(self) -> list[Document]:
        return list(self.db.work_orders.find({"tenant_id": TENANT}).sort("title"))


@pytest.fixture
def database_name(emptied_name: str) -> str:
    return emptied_name


@pytest.fixture
def store(mongo_uri: str) -> Iterator[Database[Any]]:
    with mongo.client(mongo_uri) as client:
        db = client.get_default_database()
        indexes.create(db)
        db.users.insert_one(user(TENANT))
        yield db


@pytest.fixture
def files(store: Database[Any]) -> Imports:
    return Imports(store)


@pytest.fixture
def worker(store: Database[Any], redis_url: str) -> Iterator[WorkerProcess]:
    with a_worker(store, redis_url) as process:
        yield process
