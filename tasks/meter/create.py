"""meter.create"""

from __future__ import annotations

from collections.abc import Iterable

from domain.assets.asset import Asset
from domain.assets.meter import Meter
from domain.errors import Rejected
from domain.fields import Name, Quantity, Word, decimal
from domain.ids import Id
from tasks.command import Payload, handles
from tasks.flows.asset import asset_read, check_asset
from tasks.work import Work


class Create(Payload, frozen=True, kw_only=True):
    id: Id | None = None
    asset_id: Id
    name: Name
    unit: Word
    rollover_at: Quantity | None = None
    """The first value that the display cannot show: 1000000 for six digits."""


def reads(cmd: Create) -> Iterable[tuple[type[Asset], str]]:
    return asset_read(cmd.asset_id)


@handles("meter.create", permission="pm.write", reads=reads)
def create(cmd: Create, work: Work) -> None:
    """Add a meter to an asset, with no reading yet; its unit is fixed."""
    if work.find(Meter) is not None:
        raise Rejected("already_exists", f"there is a meter {work.target_id}", path="id")
    check_asset(work, cmd.asset_id)
    meter = Meter(
        id=work.target_id,
        asset_id=cmd.asset_id,
        name=cmd.name,
        unit=cmd.unit,
        rollover_at=None if cmd.rollover_at is None else decimal(cmd.rollover_at),
        created_at=work.occurred_at,
    )
    work.save(meter)
    work.emit("meter.created", name=meter.name, unit=meter.unit, asset_id=meter.asset_id)
