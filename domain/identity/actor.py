"""Who acts, and what they may do at this moment."""

from __future__ import annotations

import msgspec

from domain.identity.permissions import allows


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """A person, or the system itself (follow-ups, schedules), inside one tenant.

    `granted` holds permissions with wildcards, resolved from the roles of this moment.
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
