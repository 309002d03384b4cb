"""People who work for a tenant, and who may change whom."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import ClassVar

import msgspec
from msgspec.structs import replace

from domain.entity import Entity
from domain.errors import Rejected
from domain.identity.actor import Actor
from domain.identity.permissions import ROLES, TENANT_ROLES, covers, granted

MOST_ROLES = 10

ADDRESS = r"^[^\s@<>,;:\"\x00-\x1f\x7f]{1,64}@[^\s@<>,;:\"\x00-\x1f\x7f]{1,189}$(?!\n)"


class User(Entity, frozen=True, kw_only=True):
    """A person of a tenant, or a machine that works for it (`is_service`).

    `token_version` is in every access token: raising it revokes them. `session_epoch` is in every session:
    raising it ends them.
    """

    kind: ClassVar[str] = "user"
    collection: ClassVar[str] = "users"

    email: str
    name: str
    roles: tuple[str, ...]
    active: bool = True
    token_version: int = 0
    session_epoch: int = 0
    must_change_password: bool = False
    created_at: datetime | None = None


def address(text: str) -> str:
    """An e-mail address as it is compared and stored: one form for all cases and Unicode spellings."""
    return unicodedata.normalize("NFKC", text.strip()).casefold()


def is_address(text: str) -> bool:
    return re.match(ADDRESS, text) is not None


def check_roles(roles: Collection[str], known: Mapping[str, Collection[str]], actor: Actor) -> None:
    """Nobody gives a role that grants more than they hold. `known`: the tenant's own roles.

    Raises: Rejected: unknown_role, beyond_your_own.
    """
    for role in roles:
        if role not in TENANT_ROLES and role not in known:
            raise Rejected("unknown_role", f"there is no role {role}", path="roles", role=role)
    grants = granted(roles, {**known, **ROLES})
    if not actor.is_system and not covers(actor.granted, grants):
        raise Rejected("beyond_your_own", "nobody gives a role that grants more than they hold", path="roles")


def check_change(user: User, known: Mapping[str, Collection[str]], actor: Actor) -> None:
    """Nobody changes who holds more than they do. Raises: Rejected: beyond_your_own."""
    if not actor.is_system and not covers(actor.granted, granted(user.roles, {**known, **ROLES})):
        raise Rejected("beyond_your_own", f"{user.name} holds more than you do: ask who holds as much")


def with_roles(user: User, roles: Iterable[str], actor: Actor) -> User:
    """The user with these roles; access tokens of before are revoked. Raises: Rejected: own_roles."""
    new = tuple(dict.fromkeys(roles))
    if new == user.roles:
        return user
    if user.id == actor.user_id:
        # So the one who acts always remains: a tenant never loses its last admin.
        raise Rejected("own_roles", "nobody changes their own roles: ask another admin", path="roles")
    return replace(user, roles=new, token_version=user.token_version + 1)


def with_activity(user: User, actor: Actor, *, active: bool) -> User:
    """The user working here again, or no longer: then all tokens and sessions end.

    Raises: Rejected: own_account.
    """
    if user.active == active:
        return user
    if user.id == actor.user_id:
        raise Rejected("own_account", "nobody deactivates themselves: ask another admin")
    return replace(
        user, active=active, token_version=user.token_version + 1, session_epoch=user.session_epoch + 1
    )


class TenantRole(msgspec.Struct, frozen=True, kw_only=True):
    """A role that a tenant has defined."""

    permissions: tuple[str, ...]
    description: str = ""


class TenantRoles(Entity, frozen=True, kw_only=True):
    """All roles that a tenant has defined, beside those that every tenant has."""

    kind: ClassVar[str] = "roles"
    collection: ClassVar[str] = "roles"

    roles: dict[str, TenantRole] = msgspec.field(default_factory=dict)

    @property
    def table(self) -> dict[str, tuple[str, ...]]:
        """Role -> what it grants."""
        return {name: role.permissions for name, role in self.roles.items()}
