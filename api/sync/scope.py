"""What one person gets over sync: their work orders, and what of the things these name they may see."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

import msgspec

from api.views.resource import Resource
from api.views.resources import ASSETS, PARTS, PLANS
from domain.identity.actor import Actor
from domain.work_order.holders import holder_names

NEEDED: Mapping[str, Resource] = {"asset": ASSETS, "part": PARTS, "template": PLANS}
"""Kinds that come along with the orders that name them, each by the permission of its list."""


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """`holders`: as whom the person carries orders; `kinds`: of NEEDED, those they may see."""

    tenant_id: str
    user_id: str
    holders: tuple[str, ...]
    kinds: tuple[str, ...]

    @property
    def owner(self) -> str:
        """Names the person in a cursor without telling who it is."""
        return blake2b(f"{self.tenant_id}/{self.user_id}".encode(), digest_size=8).hexdigest()

    @property
    def extent(self) -> str:
        """Differs wherever something else is visible: a copy made under another extent is not this one's."""
        return "+".join(("own", *self.holders[1:], *self.kinds))


def sight_of(actor: Actor) -> Sight:
    return Sight(
        tenant_id=actor.tenant_id,
        user_id=actor.user_id or "",
        holders=holder_names(actor),
        kinds=tuple(kind for kind, resource in NEEDED.items() if actor.can(str(resource.permission))),
    )
