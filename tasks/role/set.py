"""role.set"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from domain.errors import Rejected
from domain.fields import Note
from domain.identity.permissions import ROLES, covers, is_grant
from domain.identity.user import TenantRole, TenantRoles
from tasks.command import Payload, handles
from tasks.flows.people import RoleName
from tasks.work import Work

MOST_TENANT_ROLES = 50

Grant = Annotated[str, Meta(min_length=1, max_length=64)]


class SetRole(Payload, frozen=True, kw_only=True):
    """A role without permissions grants nothing to who has it."""

    name: RoleName
    description: Note = ""
    permissions: Annotated[tuple[Grant, ...], Meta(max_length=100)]


@handles("role.set", permission="roles.manage", target="roles", of="tenant", touches=("roles",))
def set_role(cmd: SetRole, work: Work) -> None:
    """Define a role of the tenant, or change what it grants."""
    if cmd.name in ROLES:
        raise Rejected(
            "built_in_role", f"{cmd.name} is a role of every tenant: choose another name", path="name"
        )
    for number, grant in enumerate(cmd.permissions):
        if not is_grant(grant):
            place = f"permissions/{number}"
            raise Rejected("unknown_permission", f"there is no permission {grant}", path=place, name=grant)
    known = work.find(TenantRoles) or TenantRoles(id=work.target_id)
    before = known.roles.get(cmd.name)
    role = TenantRole(permissions=tuple(dict.fromkeys(cmd.permissions)), description=cmd.description)
    if not work.actor.is_system and not covers(
        work.actor.granted, {*role.permissions, *(before.permissions if before else ())}
    ):
        raise Rejected(
            "beyond_your_own", "nobody defines a role that grants more than they hold", path="permissions"
        )
    if before is None and len(known.roles) >= MOST_TENANT_ROLES:
        raise Rejected("too_many_roles", f"a tenant has at most {MOST_TENANT_ROLES} roles of its own")
    if role != before:
        work.save(replace(known, roles={**known.roles, cmd.name: role}))
        work.emit("role.set", name=cmd.name, permissions=list(role.permissions))
