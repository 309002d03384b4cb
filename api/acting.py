"""What every act by hand over HTTP needs: who asks and may they, and the act as the audit trail keeps it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request

from adapters.acts import Act
from api.identity import Identity, need
from api.problem import request_id_of
from domain.actor import Actor
from domain.fields import Reason


class Because(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of an act that needs nothing but its reason."""

    reason: Reason


class Acting:
    """One for a process."""

    def __init__(self, identity: Identity, *, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._identity = identity
        self._now = now
        self.new_id = new_id

    async def actor(self, request: Request[Any, Any, Any], permission: str | None = None) -> Actor:
        """Raises: Problem 401, 403."""
        actor = await self._identity.actor(request.headers.get("authorization", ""))
        need(actor, permission)
        return actor

    def by(self, actor: Actor, request: Request[Any, Any, Any], reason: str) -> Act:
        """An act of this moment."""
        return Act(
            id=self.new_id(),
            tenant_id=actor.tenant_id,
            user_id=actor.user_id,
            via="api",
            reason=reason,
            at=self._now(),
            request_id=request_id_of(request.scope),
        )
