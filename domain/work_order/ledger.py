"""The rows of a work order's ledger. `action` is what the order's status must allow for a row to be added."""

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
    """The base of all rows of a work order."""

    action: ClassVar[Booking]


class Labor(Line, frozen=True, kw_only=True, tag="labor"):
    """Time worked, in minutes as entered."""

    action: ClassVar[Booking] = "book"

    minutes: int
    worked_on: date
    category: LaborKind
    note: str | None = None


class PartUse(Line, frozen=True, kw_only=True, tag="part"):
    """Parts used (positive) or returned (negative), and the change of the order's cost."""

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
    """A comment; `mentions` are user ids."""

    action: ClassVar[Booking] = "comment"

    text: str
    mentions: tuple[str, ...] = ()


class Attachment(Line, frozen=True, kw_only=True, tag="attachment"):
    """A file, identified by the hash of its content."""

    action: ClassVar[Booking] = "attach"

    sha256: str
    size: int
    media_type: str
    name: str


class Signature(Line, frozen=True, kw_only=True, tag="signature"):
    """A signature under the order as of `signed_version`. It cannot be voided."""

    action: ClassVar[Booking] = "sign"

    image_sha256: str
    name: str
    signed_version: int


LINES: tuple[type[Line], ...] = (Labor, PartUse, Cost, Comment, Attachment, Signature)


def voided(entry: Line, *, by: str | None, at: datetime, reason: str) -> Line:
    """The row marked as void. Raises: Rejected: already_voided, signature_immutable."""
    if isinstance(entry, Signature):
        raise Rejected("signature_immutable", "a signature cannot be voided", path="entry_id")
    if entry.voided is not None:
        raise Rejected("already_voided", f"entry {entry.id} is already void", path="entry_id")
    return msgspec.structs.replace(entry, voided=Void(at=at, by=by, reason=reason))
