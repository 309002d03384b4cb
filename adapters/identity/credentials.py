"""What proves who somebody is: the hash of their password and those before it. Apart from `users`, so that no
list of people can show it.
"""

from __future__ import annotations

from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.identity import passwords
from adapters.mongo.client import Document, document_id, translated
from adapters.mongo.transactions import in_transaction
from adapters.operators.audit import Act, audit
from domain.identity.password_policy import PasswordPolicy, weaknesses

REMEMBERED = 5
"""Passwords of before that one may not choose again."""


class WeakPassword(Exception):
    """A password that may not be set; `reasons` are codes and sentences."""

    def __init__(self, reasons: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(sentence for _, sentence in reasons))
        self.reasons = reasons


def credentials_of(db: Database[Any], user: Document, session: ClientSession | None = None) -> Document:
    """The user's credentials; empty if there are none."""
    with translated():
        key = {"_id": document_id(user["tenant_id"], user["id"])}
        return db["credentials"].find_one(key, session=session) or {}


def new_hash(password: str, user: Document, known: Document, policy: PasswordPolicy, *, rounds: int) -> str:
    """The hash of a password that this user may set. Takes the CPU of several checks: call it in a thread.

    Raises: WeakPassword.
    """
    reasons = weaknesses(password, policy, email=user["email"], name=user["name"])
    if reasons:
        raise WeakPassword(reasons)
    if passwords.was_used(password, _hashes(known)):
        raise WeakPassword([("used_before", f"this is one of your last {REMEMBERED + 1} passwords")])
    return passwords.hashed(password, rounds=rounds)


def set_password(
    db: Database[Any], user: Document, password_hash: str, act: Act, *, by: str, must_change: bool = False
) -> Document:
    """Sets it: all sessions and access tokens from before end. `by` says how it came about (`change`,
    `reset`, `invite`). Returns the user as they are now.
    """

    def write(session: ClientSession) -> Document:
        credentials = {
            "password_hash": password_hash,
            "password_set_at": act.at,
            "password_history": _hashes(credentials_of(db, user, session))[:REMEMBERED],
        }
        store(db, user, credentials, session)
        change = {
            "$inc": {"token_version": 1, "session_epoch": 1},
            "$set": {"must_change_password": must_change},
        }
        return changed_user(db, user, change, act, f"password.{by}", session)

    return in_transaction(db, write)


def _hashes(credentials: Document) -> list[str]:
    """The current password's and those before it, the latest first."""
    current = credentials.get("password_hash")
    return [*([current] if current else []), *credentials.get("password_history", [])]


def rehash(db: Database[Any], user: Document, old_hash: str, password_hash: str) -> None:
    """The same password under another cost; nothing if it has changed meanwhile."""
    with translated():
        key = document_id(user["tenant_id"], user["id"])
        db["credentials"].update_one(
            {"_id": key, "password_hash": old_hash}, {"$set": {"password_hash": password_hash}}
        )


def store(db: Database[Any], user: Document, credentials: Document, session: ClientSession | None) -> None:
    """Writes these members of the user's credentials."""
    key = document_id(user["tenant_id"], user["id"])
    head = {"tenant_id": user["tenant_id"], "user_id": user["id"]}
    db["credentials"].update_one({"_id": key}, {"$set": head | credentials}, upsert=True, session=session)


def changed_user(
    db: Database[Any], user: Document, change: Document, act: Act, what: str, session: ClientSession
) -> Document:
    """The user after this update, which the audit trail keeps under the name `what`."""
    key = document_id(user["tenant_id"], user["id"])
    change = change | {"$set": change.get("$set", {}) | {"updated_at": act.at}}
    db["users"].update_one({"_id": key}, change | _version(change), session=session)
    after: Document = db["users"].find_one({"_id": key}, session=session) or {}
    audit(db, session, act, what, f"user:{user['id']}", before={}, after={})
    return after


def _version(change: Document) -> Document:
    """With the version raised, so that ETags and base versions hold."""
    return {"$inc": change.get("$inc", {}) | {"version": 1}}
