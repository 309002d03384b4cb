"""When an asset was out of order: spans that never overlap, the last of which may still be open."""

from __future__ import annotations

from datetime import datetime

import msgspec

from domain.entity import Entry
from domain.errors import Rejected

REMEMBERED = 100
"""Most spans kept on the asset to check new ones against; the ledger keeps all."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """From `since` until before `until`; None: still out of order."""

    since: datetime
    until: datetime | None = None
    cause: str


class Spans(msgspec.Struct, frozen=True, kw_only=True):
    """The latest spans, oldest first. Spans that started before `complete_from` may be missing."""

    latest: tuple[Span, ...] = ()
    complete_from: datetime | None = None

    @property
    def down_since(self) -> datetime | None:
        """When the open span started; None: the asset is up."""
        return next((span.since for span in self.latest if span.until is None), None)


class Downtime(Entry, frozen=True, kw_only=True, tag="downtime"):
    """One span in an asset's ledger; the row is replaced when the span ends or is corrected."""

    since: datetime
    until: datetime | None
    cause: str


def downtime_set(spans: Spans, span: Span) -> Spans:
    """The spans with this one added, or replacing the one with the same start.

    Raises: Rejected: downtime_ends_before_it_begins, downtime_too_old, downtime_overlaps.
    """
    if span.until is not None and span.until <= span.since:
        raise Rejected("downtime_ends_before_it_begins", "`to` is later than `from`", path="to")
    if spans.complete_from is not None and span.since < spans.complete_from:
        raise Rejected("downtime_too_old", f"it began before {spans.complete_from.isoformat()}", path="from")
    others = tuple(known for known in spans.latest if known.since != span.since)
    for known in others:
        if _overlap(known, span):
            raise Rejected(
                "downtime_overlaps", f"it was down from {known.since.isoformat()} already", path="from"
            )
    latest = tuple(sorted((*others, span), key=lambda known: known.since))
    forgotten, kept = latest[:-REMEMBERED], latest[-REMEMBERED:]
    complete_from = forgotten[-1].until if forgotten else spans.complete_from
    return Spans(latest=kept, complete_from=complete_from)


def _overlap(one: Span, other: Span) -> bool:
    """Whether two spans overlap; ends are exclusive: an asset that is up at noon may go down at noon."""
    return (other.until is None or one.since < other.until) and (one.until is None or other.since < one.until)
