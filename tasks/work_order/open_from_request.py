"""work_order.open_from_request"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from domain.entity import Entity
from domain.errors import Rejected
from domain.fields import Description, Title
from domain.ids import Id
from domain.ledger import Attachment
from domain.request import Attached
from domain.work_order.model import WorkOrder, initial_status, named
from tasks.clocks import POLICIES, born
from tasks.command import Payload, handles
from tasks.work import Work


class OpenFromRequest(Payload, frozen=True, kw_only=True):
    id: Id
    request_id: Id
    title: Title
    description: Description | None = None
    asset_id: Id | None = None
    attachments: Annotated[tuple[Attached, ...], Meta(max_length=50)] = ()


def reads(cmd: OpenFromRequest) -> Iterable[tuple[type[Entity], str]]:
    return (POLICIES,)


@handles("work_order.open_from_request", permission=None, numbered=True, internal=True, reads=reads)
def open_from_request(cmd: OpenFromRequest, work: Work) -> None:
    """Open the order that a request was accepted as, with the request's files.

    The asset is taken as it is: the person who accepted has seen it, and a dead follow-up helps nobody.
    """
    if work.find(WorkOrder) is not None:
        raise Rejected("already_exists", f"there is a work order {work.target_id}", path="id")
    order = WorkOrder(
        id=work.target_id,
        number=named(work.number()),
        title=cmd.title,
        description=cmd.description,
        status=initial_status((), None),
        type="corrective",
        priority="medium",
        asset_id=cmd.asset_id,
        request_id=cmd.request_id,
        created_by=work.actor.user_id,
        created_at=work.occurred_at,
    )
    for file in cmd.attachments:
        work.record(_attachment(file, work))
    work.save(born(work, replace(order, attachment_count=len(cmd.attachments))))
    work.emit(
        "work_order.created",
        number=order.number,
        title=order.title,
        status=order.status,
        request_id=cmd.request_id,
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
