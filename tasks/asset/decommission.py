"""asset.decommission"""

from __future__ import annotations

from domain.assets.asset import Asset, decommissioned
from domain.fields import Reason
from domain.ids import Id
from tasks.command import Payload, handles
from tasks.work import Work


class Decommission(Payload, frozen=True, kw_only=True):
    asset_id: Id
    reason: Reason


@handles("asset.decommission", permission="assets.write", touches=("decommissioned_at",))
def decommission(cmd: Decommission, work: Work) -> None:
    """Take an asset out of service for good."""
    asset = decommissioned(work.load(Asset), at=work.occurred_at, reason=cmd.reason)
    work.save(asset)
    work.emit("asset.decommissioned", reason=cmd.reason)
