"""Operators' decisions on deliveries that failed or are uncertain. The list is in `views/resources.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import anyio.to_thread
from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from pymongo.database import Database

from adapters.mongo.client import Document
from adapters.operators import deliveries as acts
from adapters.operators.deliveries import NoSuchDelivery, NotOpen
from api.http import body
from api.http.encoding import encode
from api.http.openapi import BEARER, PROBLEM, operation, schema_of
from api.http.problem import Problem, not_found
from api.identity.acts import Acting, Because
from api.views.resource import plain

DECIDE = "ops.replay"
HIDDEN = ("tenant_id", "claimed_by", "claimed_until")


class DeliveryOutcome(Because, frozen=True, kw_only=True, forbid_unknown_fields=True):
    state: Literal["sent", "failed"]


class Deliveries:
    """`db` is synchronous and used in threads, as its transactions are the command line's too."""

    def __init__(
        self,
        db: Database[Any],
        acting: Acting,
    ) -> None:
        self._db = db
        self._acting = acting

    async def resend(self, request: Request[Any, Any, Any], id: str) -> ASGIResponse:
        actor = await self._acting.actor(request, DECIDE)
        because = await body.read_json(request, Because)
        act = self._acting.by(actor, request, because.reason)
        return await self._done(id, lambda: acts.resend(self._db, id, act))

    async def settle(self, request: Request[Any, Any, Any], id: str) -> ASGIResponse:
        actor = await self._acting.actor(request, DECIDE)
        outcome = await body.read_json(request, DeliveryOutcome)
        act = self._acting.by(actor, request, outcome.reason)
        return await self._done(id, lambda: acts.settle(self._db, id, outcome.state, act))

    async def _done(self, id: str, work: Callable[[], Document]) -> ASGIResponse:
        try:
            row = await anyio.to_thread.run_sync(work)
        except NoSuchDelivery:
            raise not_found("delivery", id[:100]) from None
        except NotOpen as error:
            raise Problem(409, "not_open", str(error), state=error.state) from None
        return ASGIResponse(body=encode({k: v for k, v in plain(row).items() if k not in HIDDEN}))


def routes(deliveries: Deliveries) -> list[HTTPRouteHandler]:
    decided = {"409": ("`not_open`: it has not failed and is not uncertain", PROBLEM)}
    root = "/api/operator/deliveries/{delivery_id:str}"
    shared: dict[str, Any] = {"tags": ["operator"], "security": BEARER, "status_code": 200}

    @post(
        f"{root}/resend",
        operation_id="deliveries.resend",
        operation_class=operation(request=schema_of(Because), responses=decided),
        **shared,
    )
    async def resend(request: Request[Any, Any, Any], delivery_id: FromPath[str]) -> ASGIResponse:
        """Send it once more, under the same Message-ID; for one that failed or is uncertain."""
        return await deliveries.resend(request, delivery_id)

    @post(
        f"{root}/settle",
        operation_id="deliveries.settle",
        operation_class=operation(request=schema_of(DeliveryOutcome), responses=decided),
        **shared,
    )
    async def settle(request: Request[Any, Any, Any], delivery_id: FromPath[str]) -> ASGIResponse:
        """Record whether it was sent; for one that failed or is uncertain."""
        return await deliveries.settle(request, delivery_id)

    return [resend, settle]
