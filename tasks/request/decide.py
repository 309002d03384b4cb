"""request.decide"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from domain.entity import Entity
from domain.fields import Reason
from domain.ids import Id
from domain.request import Attached, Request, accepted, rejected
from domain.work_order.ledger import Attachment
from domain.work_order.model import WorkOrder, initial_status, order_number
from tasks.command import Payload, handles
from tasks.flows.order_clocks import POLICIES
from tasks.flows.work_order import create_order
from tasks.work import Work


class Decide(Payload, frozen=True, kw_only=True):
    request_id: Id
    verdict: Literal["accept", "reject"]
    reason: Reason | None = None


def reads(cmd: Decide) -> Iterable[tuple[type[Entity], str]]:
    return (POLICIES,) if cmd.verdict == "accept" else ()


@handles("request.decide", permission="workrequests.convert", touches=("status",), reads=reads)
def decide(cmd: Decide, work: Work) -> None:
    """Accept a request as a new work order, or reject it with a reason."""
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
    files = [_attachment(file, work) for file in request.attachments]
    create_order(work, _order(request, work_order_id, work), files, request_id=request.id)


def _order(request: Request, id: str, work: Work) -> WorkOrder:
    """The order of an accepted request, with its files. The asset is not checked again."""
    return WorkOrder(
        id=id,
        number=order_number(work.number(WorkOrder)),
        title=request.title,
        description=request.description,
        status=initial_status((), None),
        type="corrective",
        priority="medium",
        asset_id=request.asset_id,
        attachment_count=len(request.attachments),
        request_id=request.id,
        created_by=work.actor.user_id,
        created_at=work.occurred_at,
    )


def _attachment(file: Attached, work: Work) -> Attachment:
    return Attachment(
        id=work.new_id(),
        at=work.occurred_at,
        by=work.actor.user_id,
        sha256=file.sha256,
        size=file.size,
        media_type=file.media_type,
        name=file.name,
    )
