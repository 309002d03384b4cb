"""Somebody asks for work; a planner accepts it as a work order, or says why not. It is decided once."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from domain.entity import Entity
from domain.errors import Rejected
from domain.fields import Sha256

Status = Literal["submitted", "accepted", "rejected"]


class Attached(msgspec.Struct, frozen=True, kw_only=True):
    """A file that came with the request; its bytes are kept under their hash."""

    sha256: Sha256
    size: int
    media_type: str
    name: str


class Request(Entity, frozen=True, kw_only=True):
    """A request for work. `requester` is the user who submitted it, `work_order_id` what became of it."""

    kind: ClassVar[str] = "request"
    collection: ClassVar[str] = "requests"

    requester: str | None
    title: str
    description: str | None = None
    contact: str | None = None
    asset_id: str | None = None
    attachments: tuple[Attached, ...] = ()
    status: Status = "submitted"
    reason: str | None = None
    work_order_id: str | None = None
    created_at: datetime
    decided_at: datetime | None = None
    decided_by: str | None = None


def accepted(
    request: Request, *, work_order_id: str, reason: str | None, at: datetime, by: str | None
) -> Request:
    """Raises: Rejected: invalid_transition."""
    _check_open(request)
    return msgspec.structs.replace(
        request, status="accepted", work_order_id=work_order_id, reason=reason, decided_at=at, decided_by=by
    )


def rejected(request: Request, *, reason: str | None, at: datetime, by: str | None) -> Request:
    """Raises: Rejected: invalid_transition, reason_missing."""
    _check_open(request)
    if reason is None:
        raise Rejected("reason_missing", "whoever asked will want to know why not", path="reason")
    return msgspec.structs.replace(request, status="rejected", reason=reason, decided_at=at, decided_by=by)


def _check_open(request: Request) -> None:
    if request.status != "submitted":
        raise Rejected(
            "invalid_transition", f"request {request.id} is {request.status} already", status=request.status
        )
