"""work_order.comment.add"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from domain.fields import Text
from domain.ids import Id
from domain.work_order.ledger import Comment
from domain.work_order.model import WorkOrder
from tasks.command import Payload, handles
from tasks.flows.work_order import book
from tasks.work import Work


class AddComment(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    text: Text
    mentions: Annotated[tuple[Id, ...], Meta(max_length=50)] = ()


@handles("work_order.comment.add", permission="workorders.discuss")
def add_comment(cmd: AddComment, work: Work) -> None:
    """Comment on an order."""
    mentions = tuple(dict.fromkeys(cmd.mentions))
    entry = Comment(
        id=work.new_id(), at=work.occurred_at, by=work.actor.user_id, text=cmd.text, mentions=mentions
    )
    book(work, work.load(WorkOrder), entry, "work_order.commented", mentions=list(mentions))
