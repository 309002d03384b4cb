"""Two tenants with one login per role, so that a newcomer sees something real. Never in production."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from adapters.identity.passwords import hashed
from adapters.process.clock import Clock
from adapters.settings.table import JWT_FILE, Settings
from cli.stop import Stop
from domain.identity.permissions import PLATFORM
from domain.ids import uuid7

Document = dict[str, Any]

PASSWORD = "Millwright-demo-2026"
DOMAIN = "millwright.test"
TENANTS = {"demo": "Demo Works", "other": "Other Works"}

# Cheap on purpose: the password is public, and a demo starts fast.
BCRYPT_ROUNDS = 6

ROLES = {
    "admin": "admin",
    "planner": "planner",
    "supervisor": "supervisor",
    "tech": "technician",
    "requester": "requester",
    "viewer": "viewer",
    "operator": "operator",
}


@dataclass(frozen=True, kw_only=True)
class Login:
    """Who can log in to the demo."""

    tenant_id: str
    email: str
    name: str
    role: str


def logins() -> Iterator[Login]:
    for tenant in TENANTS:
        for name, role in ROLES.items():
            email = f"{name}@{tenant}.{DOMAIN}"
            yield Login(tenant_id=tenant, email=email, name=f"{tenant.title()} {name.title()}", role=role)
    yield Login(tenant_id=PLATFORM, email=f"platform@{DOMAIN}", name="Platform", role=PLATFORM)


def seed(db: Database[Document], settings: Settings, clock: Clock) -> bool:
    """Adds what is missing of the demo and changes nothing else; true on the first start.

    Raises: Stop: in production.
    """
    if settings.is_production:
        raise Stop("The demo's password is public: production does not take it. Use `./millwright users`.")
    is_first = db.tenants.count_documents({}, limit=1) == 0
    for tenant_id, name in (*TENANTS.items(), (PLATFORM, "Platform")):
        new = {"$setOnInsert": {"name": name, "created_at": clock.now()}}
        db.tenants.update_one({"_id": tenant_id}, new, upsert=True)
    missing = [login for login in logins() if db.logins.find_one({"_id": login.email}) is None]
    if missing:
        password_hash = hashed(PASSWORD, rounds=BCRYPT_ROUNDS)
        for login in missing:
            _add(db, login, clock, password_hash)
    return is_first


def _add(db: Database[Document], login: Login, clock: Clock, password_hash: str) -> None:
    """Creates a user if missing, its login last: without a login, the next start tries again."""
    user = db.users.find_one({"tenant_id": login.tenant_id, "email": login.email})
    user_id = user["id"] if user else uuid7(clock.now(), os.urandom(10))
    if not user:
        db.users.insert_one(_user(login, user_id, clock))
    key = {"_id": f"{login.tenant_id}/{user_id}"}
    credentials = {"tenant_id": login.tenant_id, "user_id": user_id, "password_hash": password_hash}
    db.credentials.update_one(key, {"$setOnInsert": credentials}, upsert=True)
    try:
        db.logins.insert_one({"_id": login.email, "tenant_id": login.tenant_id, "user_id": user_id})
    except DuplicateKeyError:
        # Another start was first with this very login.
        return


def _user(login: Login, user_id: str, clock: Clock) -> Document:
    return {
        "_id": f"{login.tenant_id}/{user_id}",
        "tenant_id": login.tenant_id,
        "id": user_id,
        "email": login.email,
        "name": login.name,
        "roles": [login.role],
        "version": 1,
        "active": True,
        "token_version": 0,
        "created_at": clock.now(),
    }


def keep_secret(data_dir: Path) -> None:
    """Makes the demo's JWT secret on the first start, readable by its owner alone."""
    data_dir.mkdir(parents=True, exist_ok=True)
    file = data_dir / JWT_FILE
    if not file.exists():
        new = file.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(os.urandom(48).hex())
        new.rename(file)
