"""Tenants and their people, as administrators make and change them by hand; each act is one transaction, with
its audit row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.identity.credentials import store
from adapters.identity.roles import Table, own_roles
from adapters.mongo.client import Document, document_id, translated
from adapters.mongo.transactions import in_transaction
from adapters.operators.audit import Act, audit
from domain.identity.permissions import PLATFORM, TENANT_ROLES
from domain.identity.user import User, address

MOST_LISTED = 500
SHOWN = ("email", "name", "roles", "active", "must_change_password")
"""What the audit trail keeps of a user."""


class Refused(Exception):
    """Nothing was done, and why."""


def create_tenant(db: Database[Any], tenant_id: str, name: str, act: Act) -> None:
    """Raises: Refused: there is one of this id."""

    def write(session: ClientSession) -> None:
        if db["tenants"].find_one({"_id": tenant_id}, session=session):
            raise Refused(f"there is a tenant {tenant_id} already")
        db["tenants"].insert_one({"_id": tenant_id, "name": name, "created_at": act.at}, session=session)
        audit(db, session, act, "tenant.create", f"tenant:{tenant_id}", before={}, after={"name": name})

    in_transaction(db, write)


def tenants(db: Database[Any]) -> list[Document]:
    with translated():
        return list(db["tenants"].find().sort("_id").limit(MOST_LISTED))


def create_user(
    db: Database[Any],
    user_id: str,
    *,
    email: str,
    name: str,
    roles: Sequence[str],
    password_hash: str,
    act: Act,
) -> Document:
    """A user of the act's tenant who logs in with a password that they must change first.

    Raises: Refused: no such tenant or role, or somebody has this address.
    """
    tenant_id, given = act.tenant_id, list(dict.fromkeys(roles))
    user: Document = {
        "_id": document_id(tenant_id, user_id),
        "tenant_id": tenant_id,
        "id": user_id,
        "version": 1,
        "email": address(email),
        "name": name,
        "roles": given,
        "active": True,
        "token_version": 0,
        "session_epoch": 0,
        "must_change_password": True,
        "created_at": act.at,
        "updated_at": act.at,
    }

    def write(session: ClientSession) -> None:
        _check_roles(db, tenant_id, given, session)
        claim_login(db, user, session)
        db["users"].insert_one(user, session=session)
        store(db, user, {"password_hash": password_hash, "password_set_at": act.at}, session)
        audit(db, session, act, "user.create", f"user:{user_id}", before={}, after=_audited(user))

    in_transaction(db, write)
    return user


def claim_login(db: Database[Any], user: Document, session: ClientSession) -> None:
    """The address leads to this user from now on. Raises: Refused: it leads to somebody else."""
    login = {"tenant_id": user["tenant_id"], "user_id": user["id"]}
    known = db["logins"].find_one({"_id": user["email"]}, session=session)
    if known is None:
        db["logins"].insert_one({"_id": user["email"]} | login, session=session)
    elif {name: known[name] for name in login} != login:
        raise Refused(f"somebody logs in with {user['email']} already")


def by_email(db: Database[Any], tenant_id: str, email: str) -> Document:
    """Raises: Refused: nobody of this tenant has the address."""
    with translated():
        user: Document | None = db["users"].find_one({"tenant_id": tenant_id, "email": address(email)})
    if user is None:
        raise Refused(f"nobody of tenant {tenant_id} has the address {email}")
    return user


def users(db: Database[Any], tenant_id: str) -> list[Document]:
    """The tenant's people, by address."""
    with translated():
        return list(db["users"].find({"tenant_id": tenant_id}).sort("email").limit(MOST_LISTED))


def change_user(
    db: Database[Any], user_id: str, change: Callable[[User], User], act: Act, what: str
) -> Document:
    """A user of the act's tenant, changed by a rule of the domain.

    Raises: Refused: an unknown role, or the last admin would be gone; Rejected: the rule says no.
    """
    key = {"_id": document_id(act.tenant_id, user_id)}

    def write(session: ClientSession) -> Document:
        before: Document | None = db["users"].find_one(key, session=session)
        if before is None:
            raise Refused(f"there is no user {user_id}")
        user = msgspec.convert(before, User)
        changed = change(user)
        if changed == user:
            return before
        _check_roles(db, act.tenant_id, changed.roles, session)
        _keep_an_admin(db, act.tenant_id, user, changed, session)
        fields = msgspec.to_builtins(changed) | {
            "version": before.get("version", 0) + 1,
            "updated_at": act.at,
        }
        fields.pop("created_at")
        db["users"].update_one(key, {"$set": fields}, session=session)
        after: Document = before | fields
        audit(db, session, act, what, f"user:{user_id}", before=_audited(before), after=_audited(after))
        return after

    return in_transaction(db, write)


def _check_roles(db: Database[Any], tenant_id: str, roles: Sequence[str], session: ClientSession) -> None:
    if db["tenants"].find_one({"_id": tenant_id}, session=session) is None:
        raise Refused(f"there is no tenant {tenant_id}")
    known: Table = own_roles(db, tenant_id, session)
    allowed = {PLATFORM} if tenant_id == PLATFORM else TENANT_ROLES | known.keys()
    for role in roles:
        if role not in allowed:
            raise Refused(f"there is no role {role}: it is one of {', '.join(sorted(allowed))}")


def _keep_an_admin(
    db: Database[Any], tenant_id: str, before: User, after: User, session: ClientSession
) -> None:
    """Raises: Refused: nobody else could undo it."""
    top = PLATFORM if tenant_id == PLATFORM else "admin"
    if not (before.active and top in before.roles) or (after.active and top in after.roles):
        return
    others = {"tenant_id": tenant_id, "roles": top, "active": True, "id": {"$ne": before.id}}
    other = db["users"].find_one(others, ["_id"], session=session)
    if other is None:
        raise Refused(f"{before.email} is the last active {top}: make another one first")
    # Held until this commits: of two admins who are taken away at the same time, one remains.
    db["users"].update_one({"_id": other["_id"]}, {"$inc": {"guard": 1}}, session=session)


def _audited(user: Document) -> Document:
    return {name: user[name] for name in SHOWN if name in user}
