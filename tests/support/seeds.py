"""Commands accepted through the real door, without HTTP before it."""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import Any

import msgspec
from pymongo.database import Database

from adapters.commands import acceptance as intake
from adapters.commands.document import Key, Origin, TargetQueue, fingerprint, fresh, target_of
from adapters.mongo.client import Document
from adapters.process.clock import SystemClock
from domain.ids import uuid7
from tasks.catalogue import Catalogue
from tasks.queues import Queue

USER = "u1"


def new_id() -> str:
    return uuid7(SystemClock().now(), secrets.token_bytes(10))


def user(tenant_id: str, *, roles: tuple[str, ...] = ("admin",), id: str = USER) -> Document:
    """A user as stored."""
    return {
        "_id": f"{tenant_id}/{id}",
        "tenant_id": tenant_id,
        "id": id,
        "roles": list(roles),
        "active": True,
    }


class Seeds:
    """One tenant's commands, in the order in which they are made."""

    def __init__(self, db: Database[Any], catalogue: Catalogue, tenant_id: str) -> None:
        self.db = db
        self.catalogue = catalogue
        self.tenant_id = tenant_id

    def document(
        self,
        type: str,
        payload: Document,
        *,
        key: str | None = None,
        user_id: str = USER,
        base_version: int | None = None,
        queue: Queue = "interactive",
        origin: Origin | None = None,
    ) -> Document:
        """A fresh command that nobody has accepted yet."""
        spec = self.catalogue[type]
        entity_id = spec.target_id(msgspec.convert(payload, spec.payload), user_id) or new_id()
        return fresh(
            spec,
            id=new_id(),
            tenant_id=self.tenant_id,
            target=target_of(spec, entity_id),
            payload=payload,
            origin=origin or Origin(via="api", user_id=user_id, request_id="a-request"),
            key=Key(user_id, key or new_id(), fingerprint(type, payload, base_version)),
            accepted_at=SystemClock().now(),
            queue=queue,
            base_version=base_version,
        )

    def accept(self, type: str, /, **payload: Any) -> Document:
        """One command, durable. Returns it as it was sent."""
        return self.accept_all([self.document(type, payload)])[0]

    def accept_all(self, documents: list[Document]) -> list[Document]:
        """In this order, one durable write per thousand."""
        for start in range(0, len(documents), 1000):
            intake.accept_many(self.db.commands, documents[start : start + 1000])
        return documents

    def part(self, *, name: str = "") -> str:
        """A part that exists already, made without a command."""
        return self.parts(1, name=name)[0]

    def parts(self, count: int, *, name: str = "") -> list[str]:
        ids = [new_id() for _ in range(count)]
        now = SystemClock().now()
        self.db.parts.insert_many(
            {
                "_id": f"{self.tenant_id}/{id}",
                "tenant_id": self.tenant_id,
                "id": id,
                "schema_version": 1,
                "version": 1,
                "name": name,
                "unit": "piece",
                "number": None,
                "unit_cost": None,
                "currency": None,
                "stock": Decimal(0),
                "created_at": now,
                "updated_at": now,
            }
            for id in ids
        )
        return ids

    def line(self, part_id: str) -> TargetQueue:
        return self.tenant_id, f"part:{part_id}"

    def found(self, command: Document) -> Document:
        """The command as it is stored now."""
        stored: Document | None = self.db.commands.find_one({"_id": command["_id"]})
        assert stored is not None
        return stored

    def state(self, command: Document) -> str:
        state: str = self.found(command)["state"]
        return state

    def entity(self, part_id: str) -> Document:
        stored: Document | None = self.db.parts.find_one({"_id": f"{self.tenant_id}/{part_id}"})
        assert stored is not None
        return stored

    def name(self, part_id: str) -> str:
        name: str = self.entity(part_id)["name"]
        return name
