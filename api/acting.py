"""What every act by a person over HTTP begins with: who it is, what they may, why they do it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from litestar import Request

from adapters.acts import Act
from api import body
from api.identity import Identity, need
from api.problem import request_id_of
from domain.actor import Actor
from domain.fields import Reason

T = TypeVar("T")


class Because(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of an act that needs nothing but its reason."""

    reason: Reason


class Acting:
    def __init__(self, identity: Identity, *, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._identity = identity
        self._now = now
        self._new_id = new_id

    async def actor(self, request: Request[Any, Any, Any], permission: str) -> Actor:
        """Raises: Problem 401, 403."""
        actor = await self._identity.actor(request.headers.get("authorization", ""))
        need(actor, permission)
        return actor

    async def wanted(self, request: Request[Any, Any, Any], kind: type[T]) -> T:
        """The body. Raises: Problem 413, 415, 422."""
        headers: body.Headers = dict(request.scope["headers"])
        body.check_media_type(headers)
        typed, plain = body.decode(await body.read(headers, request.receive), msgspec.json.Decoder(kind))
        body.refuse_unstorable(plain)
        found: T = typed
        return found

    def act(self, request: Request[Any, Any, Any], actor: Actor, reason: str) -> Act:
        return Act(
            id=self._new_id(),
            tenant_id=actor.tenant_id,
            user_id=actor.user_id,
            via="api",
            reason=reason,
            at=self._now(),
            request_id=request_id_of(request.scope),
        )
