"""work_order.attachment.add"""

from __future__ import annotations

from domain.fields import FileSize, MediaType, Name, Sha256
from domain.ids import Id
from domain.work_order.ledger import Attachment
from tasks.command import Payload, handles
from tasks.flows.work_order import book, load_own
from tasks.work import Work


class AddAttachment(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    sha256: Sha256
    size: FileSize
    media_type: MediaType
    name: Name


@handles("work_order.attachment.add", permission="workorders.execute")
def add_attachment(cmd: AddAttachment, work: Work) -> None:
    """Attach a file by its hash; its bytes may be uploaded before or after."""
    entry = Attachment(
        id=work.new_id(),
        at=work.occurred_at,
        by=work.actor.user_id,
        sha256=cmd.sha256,
        size=cmd.size,
        media_type=cmd.media_type,
        name=cmd.name,
    )
    book(work, load_own(work), entry, "work_order.attachment_added", sha256=cmd.sha256, name=cmd.name)
