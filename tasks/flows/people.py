"""What the commands about users and roles share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from msgspec import Meta

from domain.entity import Entity
from domain.errors import Rejected
from domain.identity.user import ADDRESS, MOST_ROLES, TenantRoles, User
from tasks.command import THE_TENANTS
from tasks.work import Work

RoleName = Annotated[
    str,
    Meta(
        max_length=40,
        pattern=r"^[a-z][a-z0-9_-]{1,39}$(?!\n)",
        description="lower-case letters, digits, - and _; begins with a letter",
    ),
]
RoleNames = Annotated[tuple[RoleName, ...], Meta(min_length=1, max_length=MOST_ROLES)]
Address = Annotated[str, Meta(max_length=254, pattern=ADDRESS, description="an e-mail address")]


def reads(_cmd: object) -> Iterable[tuple[type[Entity], str]]:
    """The tenant's own roles."""
    return ((TenantRoles, THE_TENANTS),)


def own_roles(work: Work) -> Mapping[str, tuple[str, ...]]:
    """The roles that the tenant has defined, with what each grants."""
    roles = work.peek(TenantRoles, THE_TENANTS)
    return roles.table if roles else {}


def hold_actor(work: Work) -> None:
    """Holds whoever acts unchanged until this commits: of two admins who deactivate each other at the same
    time, one remains. Raises: Rejected: actor_changed: a command just before this one was about them.
    """
    if work.actor.user_id is None or work.actor.user_id == work.target_id:
        return
    actor = work.require(User, work.actor.user_id)
    if not actor.active or actor.roles != work.actor.roles:
        raise Rejected("actor_changed", "the roles of who sent this have changed meanwhile")
