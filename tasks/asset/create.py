"""asset.create"""

from __future__ import annotations

from collections.abc import Iterable

from domain.assets.asset import Asset, Criticality, check_place
from domain.errors import Rejected
from domain.fields import Name, Word
from domain.ids import Id
from tasks.command import Payload, handles
from tasks.work import Work


class Create(Payload, frozen=True, kw_only=True):
    id: Id | None = None
    name: Name
    tag: Word | None = None
    parent_id: Id | None = None
    location: Name | None = None
    criticality: Criticality


def reads(cmd: Create) -> Iterable[tuple[type[Asset], str]]:
    return [(Asset, cmd.parent_id)] if cmd.parent_id else []


@handles("asset.create", permission="assets.write", reads=reads)
def create(cmd: Create, work: Work) -> None:
    """Add an asset, on its own or inside another."""
    if work.find(Asset):
        raise Rejected("already_exists", f"there is an asset {work.target_id}", path="id")
    if cmd.parent_id:
        check_place(work.target_id, cmd.parent_id, lambda id: _ancestor(work, id, parent_id=cmd.parent_id))
    asset = Asset(
        id=work.target_id,
        name=cmd.name,
        tag=cmd.tag,
        parent_id=cmd.parent_id,
        location=cmd.location,
        criticality=cmd.criticality,
        created_at=work.occurred_at,
    )
    work.save(asset)
    work.emit("asset.created", name=asset.name, tag=asset.tag, parent_id=asset.parent_id)


def _ancestor(work: Work, id: str, *, parent_id: str | None) -> Asset:
    # A new asset contains nothing, so creating one closes no cycle. Only the parent is required unchanged, in
    # case it is decommissioned meanwhile; requiring all ancestors would make all creates in a plant contend.
    ancestor = None if id == parent_id else work.peek(Asset, id)
    return ancestor or work.require(Asset, id, path="parent_id")
