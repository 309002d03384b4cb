"""How a command that names an asset, as orders and requests do, looks it up."""

from __future__ import annotations

from collections.abc import Iterable

from domain.assets.asset import Asset, check_in_service
from domain.errors import Missing
from tasks.work import Work


def check_asset(work: Work, asset_id: str | None) -> None:
    """Raises: Missing: unknown_asset. Rejected: asset_decommissioned.

    A peek: many name one asset, and an order for an asset retired this very moment does no harm.
    """
    if asset_id is None:
        return
    asset = work.peek(Asset, asset_id)
    if asset is None:
        raise Missing("asset", asset_id, path="asset_id")
    check_in_service(asset, path="asset_id")


def asset_read(asset_id: str | None) -> Iterable[tuple[type[Asset], str]]:
    return [(Asset, asset_id)] if asset_id else []
