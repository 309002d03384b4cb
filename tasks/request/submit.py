"""request.submit"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from domain.assets.asset import Asset
from domain.errors import Rejected
from domain.fields import Description, FileSize, MediaType, Name, Sha256, Title
from domain.ids import Id
from domain.request import Attached, Request
from tasks.command import Payload, handles
from tasks.flows.asset import asset_read, check_asset
from tasks.work import Work


class File(Payload, frozen=True, kw_only=True):
    sha256: Sha256
    size: FileSize
    media_type: MediaType
    name: Name


class Submit(Payload, frozen=True, kw_only=True):
    id: Id | None = None
    asset_id: Id | None = None
    title: Title
    description: Description | None = None
    contact: Name | None = None
    attachments: Annotated[tuple[File, ...], Meta(max_length=10)] = ()


def reads(cmd: Submit) -> Iterable[tuple[type[Asset], str]]:
    return asset_read(cmd.asset_id)


@handles("request.submit", permission="workrequests.submit", reads=reads)
def submit(cmd: Submit, work: Work) -> None:
    """Submit a work request."""
    if work.find(Request):
        raise Rejected("already_exists", f"there is a request {work.target_id}", path="id")
    check_asset(work, cmd.asset_id)
    request = Request(
        id=work.target_id,
        requester=work.actor.user_id,
        title=cmd.title,
        description=cmd.description,
        contact=cmd.contact,
        asset_id=cmd.asset_id,
        attachments=tuple(
            Attached(sha256=file.sha256, size=file.size, media_type=file.media_type, name=file.name)
            for file in cmd.attachments
        ),
        created_at=work.occurred_at,
    )
    work.save(request)
    work.emit("request.submitted", title=request.title, asset_id=request.asset_id)
