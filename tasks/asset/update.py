"""asset.update"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import UNSET, UnsetType

from domain.assets.asset import Asset, Criticality, check_in_service, check_place
from domain.errors import Rejected
from domain.fields import Name, Word
from domain.ids import Id
from tasks.command import Payload, handles
from tasks.work import Work

FIELDS = ("name", "tag", "parent_id", "location", "criticality")


class Update(Payload, frozen=True, kw_only=True):
    """A field left out stays as it is; null clears it."""

    asset_id: Id
    name: Name | UnsetType = UNSET
    tag: Word | UnsetType | None = UNSET
    parent_id: Id | UnsetType | None = UNSET
    location: Name | UnsetType | None = UNSET
    criticality: Criticality | UnsetType = UNSET


def reads(cmd: Update) -> Iterable[tuple[type[Asset], str]]:
    return [(Asset, cmd.parent_id)] if cmd.parent_id else []


@handles("asset.update", permission="assets.write", touches=FIELDS, reads=reads)
def update(cmd: Update, work: Work) -> None:
    """Change an asset, or move it in the tree."""
    asset = work.load(Asset)
    check_in_service(asset)
    named = {field: value for field in FIELDS if (value := getattr(cmd, field)) is not UNSET}
    if not named:
        raise Rejected("nothing_to_change", f"name one of {', '.join(FIELDS)}")
    changed = {field: value for field, value in named.items() if value != getattr(asset, field)}
    if not changed:
        return
    if parent_id := changed.get("parent_id"):
        # Every asset up to the root is required unchanged: of two moves that together close a cycle, only one
        # commits.
        check_place(asset.id, parent_id, lambda id: work.require(Asset, id, path="parent_id"))
    work.save(msgspec.structs.replace(asset, **changed))
    if "parent_id" in changed:
        work.emit("asset.moved", before=asset.parent_id, after=changed["parent_id"])
    if changed.keys() - {"parent_id"}:
        work.emit(
            "asset.updated", **{field: value for field, value in changed.items() if field != "parent_id"}
        )
