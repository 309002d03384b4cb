"""What the roles of a user grant at this moment, those that their tenant has defined included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.mongo.client import Document, document_id, translated
from domain.identity.permissions import ROLES, granted
from domain.identity.user import TenantRoles
from tasks.command import THE_TENANTS

Table = Mapping[str, tuple[str, ...]]


def key_of(tenant_id: str) -> Document:
    """Selects the document with a tenant's own roles, in `roles`."""
    return {"_id": document_id(tenant_id, THE_TENANTS)}


def table_of(document: Document | None) -> Table:
    """Role -> what it grants, of that document."""
    return msgspec.convert(document, TenantRoles).table if document else {}


def own_roles(db: Database[Any], tenant_id: str, session: ClientSession | None = None) -> Table:
    """The roles that the tenant has defined."""
    with translated():
        return table_of(db[TenantRoles.collection].find_one(key_of(tenant_id), session=session))


def has_own(user: Document) -> bool:
    """Whether the user has a role that only their tenant knows."""
    return not ROLES.keys() >= set(user["roles"])


def grants(user: Document, own: Table) -> frozenset[str]:
    return granted(user["roles"], {**own, **ROLES})


def grants_of(db: Database[Any], user: Document) -> frozenset[str]:
    """All that the user's roles grant now."""
    return grants(user, own_roles(db, user["tenant_id"]) if has_own(user) else {})
