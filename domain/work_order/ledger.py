"""The rows of a work order's ledger. Each says by `action` what the order must allow for it to count."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar, Literal

import msgspec

from domain.entity import Entry, Void
from domain.errors import Rejected

Booking = Literal["book", "comment", "attach", "sign"]
LaborKind = Literal["regular", "overtime", "travel"]
CostKind = Literal["labor", "parts", "service", "other"]


class Line(Entry, frozen=True, kw_only=True):
    """What all rows of a work order share."""

    action: ClassVar[Booking]


class Labor(Line, frozen=True, kw_only=True, tag="labor"):
    """Time worked, in minutes: never a difference of two clocks."""

    action: ClassVar[Booking] = "book"

    minutes: int
    worked_on: date
    category: LaborKind
    note: str | None = None


class PartUse(Line, frozen=True, kw_only=True, tag="part"):
    """Parts taken (above zero) or given back (below), and what that adds to the order's cost."""

    action: ClassVar[Booking] = "book"

    part_id: str
    quantity: Decimal
    cost: Decimal = Decimal(0)
    currency: str | None = None


class Cost(Line, frozen=True, kw_only=True, tag="cost"):
    """Money spent."""

    action: ClassVar[Booking] = "book"

    category: CostKind
    amount: Decimal
    currency: str
    note: str | None = None


class Comment(Line, frozen=True, kw_only=True, tag="comment"):
    """What someone said; `mentions` are user ids."""

    action: ClassVar[Booking] = "comment"

    text: str
    mentions: tuple[str, ...] = ()


class Attachment(Line, frozen=True, kw_only=True, tag="attachment"):
    """A file, named by its content."""

    action: ClassVar[Booking] = "attach"

    sha256: str
    size: int
    media_type: str
    name: str


class Signature(Line, frozen=True, kw_only=True, tag="signature"):
    """Someone's name under the order as it was at `signed_version`. It cannot be voided."""

    action: ClassVar[Booking] = "sign"

    image_sha256: str
    name: str
    signed_version: int


LINES: tuple[type[Line], ...] = (Labor, PartUse, Cost, Comment, Attachment, Signature)


def voided(entry: Line, *, by: str | None, at: datetime, reason: str) -> Line:
    """The row, no longer counting. Raises: Rejected: already_voided, signature_immutable."""
    if isinstance(entry, Signature):
        raise Rejected("signature_immutable", "a signature cannot be voided", path="entry_id")
    if entry.voided is not None:
        raise Rejected("already_voided", f"entry {entry.id} was voided before", path="entry_id")
    return msgspec.structs.replace(entry, voided=Void(at=at, by=by, reason=reason))
