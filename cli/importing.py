"""Stores an import as the API does: for a permitted user, under a name that identifies its rows."""

import os
import re
from pathlib import Path
from typing import Any

import msgspec
from pymongo.database import Database

from adapters.identity.roles import grants_of
from adapters.imports import store as imports
from adapters.process.clock import Clock
from cli.stop import Stop
from domain.identity.permissions import allows
from domain.ids import uuid7
from domain.importing.mapping import ImportName, Mapping
from domain.importing.table import BadFile

Document = dict[str, Any]

PERMISSION = "importexport.import"


def permitted(db: Database[Document], email: str) -> Document:
    """The user of that login. Raises: Stop: unknown, inactive or not permitted."""
    login = db.logins.find_one({"_id": email.strip().lower()})
    user = db.users.find_one({"_id": f"{login['tenant_id']}/{login['user_id']}"}) if login else None
    if user is None or not user["active"]:
        raise Stop(f"There is no active user {email}: name one with --as.")
    if not allows(grants_of(db, user), PERMISSION):
        raise Stop(f"{email} may not import: that needs the permission {PERMISSION}.")
    return user


def submit(
    db: Database[Document],
    clock: Clock,
    user: Document,
    file: Path,
    *,
    mapping: Mapping,
    name: str | None = None,
    dry_run: bool = False,
) -> Document:
    """Stores the file and the import; returns its document. Raises: Stop: the file cannot be used at all."""
    now = clock.now()
    try:
        with file.open("rb") as source:
            return imports.submit(
                db,
                source,
                id=uuid7(now, os.urandom(10)),
                tenant_id=user["tenant_id"],
                user_id=user["id"],
                name=_name(name or re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem).lstrip("._-")[:64]),
                mapping=mapping,
                file_name=file.name,
                dry_run=dry_run,
                at=now,
            )
    except BadFile as bad:
        raise Stop(f"{file} cannot be imported: {bad.message}.") from None


def _name(name: str) -> str:
    try:
        return msgspec.convert(name, ImportName)
    except msgspec.ValidationError:
        raise Stop(f"--name {name}: up to 64 letters, digits, dots and dashes, please.") from None
