"""The scope of one person's sync: their work orders, and those dependencies that they may see."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

import msgspec

from api.views.resource import Resource
from api.views.resources import ASSETS, PARTS, PLANS
from domain.identity.actor import Actor
from domain.work_order.holders import holder_names

DEPENDENCIES: Mapping[str, Resource] = {"asset": ASSETS, "part": PARTS, "template": PLANS}
"""Kinds sent with the orders that name them, each under the permission of its list."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """`holders`: the person, and their team; `kinds`: those of DEPENDENCIES that they may see."""

    tenant_id: str
    user_id: str
    holders: tuple[str, ...]
    kinds: tuple[str, ...]

    @property
    def owner(self) -> str:
        """Identifies the person in a cursor without revealing who it is."""
        return blake2b(f"{self.tenant_id}/{self.user_id}".encode(), digest_size=8).hexdigest()

    @property
    def extent(self) -> str:
        """Identifies what is visible: a copy made under another extent must be replaced."""
        return "+".join(("own", *self.holders[1:], *self.kinds))


def scope_of(actor: Actor) -> Scope:
    return Scope(
        tenant_id=actor.tenant_id,
        user_id=actor.user_id or "",
        holders=holder_names(actor),
        kinds=tuple(kind for kind, resource in DEPENDENCIES.items() if actor.can(str(resource.permission))),
    )
