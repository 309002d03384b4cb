"""user.create"""

from __future__ import annotations

from domain.errors import Rejected
from domain.fields import Name
from domain.identity.user import User, address, check_roles
from domain.ids import Id
from tasks.command import Payload, handles
from tasks.flows.people import Address, RoleNames, own_roles, reads
from tasks.work import Work


class Create(Payload, frozen=True, kw_only=True):
    id: Id | None = None
    email: Address
    name: Name
    roles: RoleNames


@handles("user.create", permission="users.manage", reads=reads)
def create(cmd: Create, work: Work) -> None:
    """Add somebody to the tenant; they can log in once they are invited."""
    if work.find(User):
        raise Rejected("already_exists", f"there is a user {work.target_id}", path="id")
    check_roles(cmd.roles, own_roles(work), work.actor)
    user = User(
        id=work.target_id,
        email=address(cmd.email),
        name=cmd.name,
        roles=tuple(dict.fromkeys(cmd.roles)),
        created_at=work.now,
    )
    work.save(user)
    work.emit("user.created", name=user.name, roles=list(user.roles))
