"""user.deactivate"""

from __future__ import annotations

from domain.fields import Reason
from domain.identity.user import User, check_change, with_activity
from domain.ids import Id
from tasks.command import Payload, handles
from tasks.flows.people import hold_actor, own_roles, reads
from tasks.work import Work


class Deactivate(Payload, frozen=True, kw_only=True):
    user_id: Id
    reason: Reason


@handles("user.deactivate", permission="users.manage", touches=("active",), reads=reads)
def deactivate(cmd: Deactivate, work: Work) -> None:
    """End somebody's access: their sessions end, their work stays theirs."""
    hold_actor(work)
    user = work.load(User)
    check_change(user, own_roles(work), work.actor)
    changed = with_activity(user, work.actor, active=False)
    if changed != user:
        work.save(changed)
        work.emit("user.deactivated", reason=cmd.reason)
