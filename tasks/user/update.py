"""user.update"""

from __future__ import annotations

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from domain.fields import Name
from domain.identity.user import User, check_change, check_roles, with_activity, with_roles
from domain.ids import Id
from tasks.command import Payload, handles
from tasks.flows.people import RoleNames, hold_actor, own_roles, reads
from tasks.work import Work


class Update(Payload, frozen=True, kw_only=True):
    """A field left out stays as it is. `active: true` brings back who was deactivated."""

    user_id: Id
    name: Name | UnsetType = UNSET
    roles: RoleNames | UnsetType = UNSET
    active: bool | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.name is UNSET and self.roles is UNSET and self.active is UNSET:
            raise ValueError("name, roles or active is needed")


@handles("user.update", permission="users.manage", touches=("name", "roles", "active"), reads=reads)
def update(cmd: Update, work: Work) -> None:
    """Change somebody's name or roles, or let them work here again."""
    hold_actor(work)
    user, known = work.load(User), own_roles(work)
    check_change(user, known, work.actor)
    changed = user if cmd.name is UNSET else replace(user, name=cmd.name)
    if cmd.roles is not UNSET:
        check_roles(cmd.roles, known, work.actor)
        changed = with_roles(changed, cmd.roles, work.actor)
    if cmd.active is not UNSET:
        changed = with_activity(changed, work.actor, active=cmd.active)
    if changed == user:
        return
    work.save(changed)
    work.emit("user.updated", name=changed.name, roles=list(changed.roles), active=changed.active)
