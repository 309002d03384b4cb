"""Work requests: a planner accepts one as a work order or rejects it with a reason. It is decided once."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from domain.entity import Entity
from domain.errors import Rejected
from domain.fields import Sha256

Status = Literal["submitted", "accepted", "rejected"]


class Attached(msgspec.Struct, frozen=True, kw_only=True):
    """A file attached to the request; its bytes are stored under their hash."""

    sha256: Sha256
    size: int
    media_type: str
    name: str


class Request(Entity, frozen=True, kw_only=True):
    """A work request. `requester` is the user who submitted it; `work_order_id` the order it was accepted
    as."""

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
    """The accepted request. Raises: Rejected: invalid_transition."""
    _check_open(request)
    return msgspec.structs.replace(
        request, status="accepted", work_order_id=work_order_id, reason=reason, decided_at=at, decided_by=by
    )


def rejected(request: Request, *, reason: str | None, at: datetime, by: str | None) -> Request:
    """The rejected request. Raises: Rejected: invalid_transition, reason_missing."""
    _check_open(request)
    if reason is None:
        raise Rejected(
            "reason_missing", "a rejection needs a reason, which the requester is shown", path="reason"
        )
    return msgspec.structs.replace(request, status="rejected", reason=reason, decided_at=at, decided_by=by)


def _check_open(request: Request) -> None:
    if request.status != "submitted":
        raise Rejected(
            "invalid_transition", f"request {request.id} is already {request.status}", status=request.status
        )
