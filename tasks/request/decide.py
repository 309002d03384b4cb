"""request.decide"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from domain.fields import Reason
from domain.ids import Id
from domain.request import Request, accepted, rejected
from tasks.command import Payload, handles
from tasks.work import Work


class Decide(Payload, frozen=True, kw_only=True):
    request_id: Id
    verdict: Literal["accept", "reject"]
    reason: Reason | None = None


@handles("request.decide", permission="workrequests.convert", touches=("status",))
def decide(cmd: Decide, work: Work) -> None:
    """Accept a request as a work order of its own, or reject it with a reason."""
    request, by, at = work.load(Request), work.actor.user_id, work.occurred_at
    if cmd.verdict == "reject":
        request = rejected(request, reason=cmd.reason, at=at, by=by)
        work.save(request)
        work.emit("request.rejected", reason=request.reason)
        return
    work_order_id = work.new_id()
    request = accepted(request, work_order_id=work_order_id, reason=cmd.reason, at=at, by=by)
    work.save(request)
    work.emit("request.accepted", work_order_id=work_order_id)
    work.follow_up("work_order.open_from_request", _order(request), step="open")


def _order(request: Request) -> dict[str, Any]:
    order = {
        "id": request.work_order_id,
        "request_id": request.id,
        "title": request.title,
        "description": request.description,
        "asset_id": request.asset_id,
    }
    named = {field: value for field, value in order.items() if value is not None}
    return named | {"attachments": [msgspec.to_builtins(file) for file in request.attachments]}
