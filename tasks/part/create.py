"""part.create"""

from __future__ import annotations

from domain.assets.part import Part, priced
from domain.errors import Rejected
from domain.fields import Amount, Currency, Name, Word, decimal
from domain.ids import Id
from tasks.command import Payload, handles
from tasks.work import Work


class Create(Payload, frozen=True, kw_only=True):
    id: Id | None = None
    name: Name
    number: Word | None = None
    unit: Word
    unit_cost: Amount | None = None
    currency: Currency | None = None


@handles("part.create", permission="inventory.manage")
def create(cmd: Create, work: Work) -> None:
    """Add a part to the catalogue, with no stock yet."""
    if work.find(Part):
        raise Rejected("already_exists", f"there is a part {work.target_id}", path="id")
    part = Part(
        id=work.target_id,
        name=cmd.name,
        number=cmd.number,
        unit=cmd.unit,
        currency=cmd.currency,
        created_at=work.occurred_at,
    )
    if cmd.unit_cost is not None:
        part = priced(part, unit_cost=decimal(cmd.unit_cost), currency=cmd.currency)
    work.save(part)
    work.emit("part.created", name=part.name, number=part.number, unit=part.unit)
