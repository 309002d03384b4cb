"""The actor of a command, with the permissions they have now."""

from __future__ import annotations

import msgspec

from domain.identity.permissions import allows


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """A person, or the system itself (follow-ups, schedules), inside one tenant.

    `granted` holds the permissions of their current roles, wildcards kept.
    """

    tenant_id: str
    user_id: str | None
    roles: tuple[str, ...] = ()
    granted: frozenset[str] = frozenset()

    @property
    def is_system(self) -> bool:
        return self.user_id is None

    def can(self, permission: str) -> bool:
        return self.is_system or allows(self.granted, permission)
