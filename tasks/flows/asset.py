"""How commands check the asset that their payload names."""

from __future__ import annotations

from collections.abc import Iterable

from domain.assets.asset import Asset, check_in_service
from domain.errors import Missing
from tasks.work import Work


def check_asset(work: Work, asset_id: str | None) -> None:
    """Check that the asset exists and is in service; None passes.

    Advisory (a peek), because many commands name one asset, and an order for an asset that is decommissioned
    at the same moment does no harm. Raises: Missing: unknown_asset; Rejected: asset_decommissioned.
    """
    if asset_id is None:
        return
    asset = work.peek(Asset, asset_id)
    if asset is None:
        raise Missing("asset", asset_id, path="asset_id")
    check_in_service(asset, path="asset_id")


def asset_read(asset_id: str | None) -> Iterable[tuple[type[Asset], str]]:
    """For `reads=`: the asset, if one is named."""
    return [(Asset, asset_id)] if asset_id else []
