"""work_order.sign"""

from __future__ import annotations

from domain.fields import Name, Sha256
from domain.ids import Id
from domain.work_order.ledger import Signature
from tasks.command import Payload, handles
from tasks.flows.work_order import book, load_own
from tasks.work import Work


class Sign(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    image_sha256: Sha256
    name: Name


@handles("work_order.sign", permission="workorders.execute")
def sign(cmd: Sign, work: Work) -> None:
    """Sign the order in the version the signer saw; a signature cannot be voided."""
    order = load_own(work)
    seen = work.seen_version or order.version
    entry = Signature(
        id=work.new_id(),
        at=work.occurred_at,
        by=work.actor.user_id,
        image_sha256=cmd.image_sha256,
        name=cmd.name,
        signed_version=seen,
    )
    book(work, order, entry, "work_order.signed", name=cmd.name, signed_version=seen)
