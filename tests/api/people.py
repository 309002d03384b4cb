"""Users with tokens, in a tenant of the test's own."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any
from uuid import uuid4

from pymongo.database import Database

from adapters.identity.passwords import hashed
from adapters.identity.tokens import Tokens
from adapters.process.clock import SystemClock
from adapters.settings.table import Settings
from domain.ids import uuid7

PASSWORD = "a-Password-of-2026"


def new_id() -> str:
    return uuid7(SystemClock().now(), secrets.token_bytes(10))


class Person:
    """One user and their access token."""

    def __init__(self, document: dict[str, Any], token: str) -> None:
        self.document = document
        self.id: str = document["id"]
        self.tenant_id: str = document["tenant_id"]
        self.token = token

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def sends(self, key: str | None = None, **headers: str) -> dict[str, str]:
        """The headers of a command under a fresh key, or that one."""
        return (
            self.auth | {"Idempotency-Key": key or uuid4().hex, "Content-Type": "application/json"} | headers
        )


class People:
    def __init__(self, store: Database[Any], settings: Settings) -> None:
        self._store = store
        self._tokens = Tokens(settings.access_secret, lives=timedelta(minutes=15), now=SystemClock().now)
        self.tenant_id = f"t{uuid4().hex[:10]}"

    def add(self, role: str = "admin", *, tenant_id: str | None = None, active: bool = True) -> Person:
        tenant, id = tenant_id or self.tenant_id, new_id()
        document: dict[str, Any] = {
            "_id": f"{tenant}/{id}",
            "tenant_id": tenant,
            "id": id,
            "email": f"{id}@example.test",
            "name": f"A {role}",
            "roles": [role],
            "version": 1,
            "active": active,
            "token_version": 0,
            "created_at": SystemClock().now(),
        }
        self._store["users"].insert_one(document)
        self._store["credentials"].insert_one(
            {
                "_id": document["_id"],
                "tenant_id": tenant,
                "user_id": id,
                "password_hash": hashed(PASSWORD, rounds=4),
            }
        )
        self._store["logins"].insert_one({"_id": document["email"], "tenant_id": tenant, "user_id": id})
        token = self._tokens.issue(tenant_id=tenant, user_id=id, token_version=0, id=new_id(), session_id="s")
        return Person(document, token)

    def stranger(self, role: str = "admin") -> Person:
        """Somebody of another tenant."""
        return self.add(role, tenant_id=f"t{uuid4().hex[:10]}")
