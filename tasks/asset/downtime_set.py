"""asset.downtime.set"""

from __future__ import annotations

import hashlib

from msgspec.structs import replace

from domain.assets.asset import Asset
from domain.assets.downtime import Downtime, Span, downtime_set
from domain.errors import Rejected
from domain.fields import Instant, Reason, instant
from domain.ids import Id, uuid7
from tasks.command import Payload, handles
from tasks.work import Work


class DowntimeSet(Payload, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    asset_id: Id
    since: Instant
    until: Instant | None = None
    cause: Reason


@handles("asset.downtime.set", permission="workorders.execute")
def set_downtime(cmd: DowntimeSet, work: Work) -> None:
    """Record when an asset was out of order; without `to` it still is, and the same `from` with `to` ends
    it."""
    asset = work.load(Asset)
    span = Span(since=instant(cmd.since), until=instant(cmd.until) if cmd.until else None, cause=cmd.cause)
    if max(span.since, span.until or span.since) > work.now:
        raise Rejected("downtime_in_future", "a downtime cannot be in the future", path="from")
    if span in asset.downtimes.latest:
        return
    spans = downtime_set(asset.downtimes, span)
    work.save(replace(asset, downtimes=spans, down_since=spans.down_since))
    _record(work, span)


def _record(work: Work, span: Span) -> None:
    # One row for each start time: setting it again replaces the row.
    id = uuid7(span.since, hashlib.sha256(f"{work.target_id}|down".encode()).digest()[:10])
    work.entry(id)  # Read first, so that the unit of work replaces the row instead of appending it.
    row = Downtime(
        id=id,
        at=work.occurred_at,
        by=work.actor.user_id,
        since=span.since,
        until=span.until,
        cause=span.cause,
    )
    work.record(row)
    data = {"from": span.since, "to": span.until, "cause": span.cause}
    work.emit("asset.downtime_set", entry_id=id, **data)
