"""Assets: sites, lines and machines, as a tree. An asset is decommissioned, never deleted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from domain.assets.downtime import Spans
from domain.entity import Entity
from domain.errors import Rejected

Criticality = Literal["low", "medium", "high"]

MOST_LEVELS = 16
"""From a root to the asset being placed, both counted. Real trees (site, area, line, machine) have 4 to 8."""


class Asset(Entity, frozen=True, kw_only=True):
    """One asset. `parent_id` is the asset that contains it; `tag`, if set, is unique in the tenant."""

    kind: ClassVar[str] = "asset"
    collection: ClassVar[str] = "assets"

    name: str
    tag: str | None = None
    parent_id: str | None = None
    location: str | None = None
    criticality: Criticality = "medium"
    created_at: datetime
    decommissioned_at: datetime | None = None
    decommission_reason: str | None = None
    down_since: datetime | None = None
    """Out of order since then; None: it is running."""
    downtimes: Spans = Spans()

    @property
    def in_service(self) -> bool:
        return self.decommissioned_at is None


def check_in_service(asset: Asset, *, path: str | None = None) -> None:
    """Check that the asset is in service. Raises: Rejected: asset_decommissioned."""
    if not asset.in_service:
        raise Rejected(
            "asset_decommissioned", f"asset {asset.id} is out of service", path=path, asset_id=asset.id
        )


def check_place(asset_id: str, parent_id: str, look: Callable[[str], Asset]) -> None:
    """Check that the asset may be placed in that parent: in service, not itself or below itself, not too
    deep.

    Walks up to the root by `look`; the caller decides how firmly what was looked at is held. A move counts
    the levels above alone: what hangs below may come to lie deeper, and then takes no more children.
    Raises: Rejected: asset_cycle, asset_too_deep, asset_decommissioned.
    """
    above = parent_id
    for _ in range(MOST_LEVELS - 1):
        if above == asset_id:
            raise Rejected("asset_cycle", f"asset {asset_id} would stand in itself", path="parent_id")
        ancestor = look(above)
        if above == parent_id:
            check_in_service(ancestor, path="parent_id")
        if ancestor.parent_id is None:
            return
        above = ancestor.parent_id
    raise Rejected(
        "asset_too_deep", f"assets nest at most {MOST_LEVELS} levels deep", path="parent_id", most=MOST_LEVELS
    )


def decommissioned(asset: Asset, *, at: datetime, reason: str) -> Asset:
    """The decommissioned asset. Assets in it stay, but no new ones can be placed there.

    Raises: Rejected: invalid_transition.
    """
    if not asset.in_service:
        raise Rejected("invalid_transition", f"asset {asset.id} is out of service already")
    return msgspec.structs.replace(asset, decommissioned_at=at, decommission_reason=reason)
