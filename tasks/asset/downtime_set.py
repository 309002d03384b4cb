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
    """Say when an asset was out of order; without `to` it still is, the same `from` with `to` ends it."""
    asset = work.load(Asset)
    span = Span(since=instant(cmd.since), until=instant(cmd.until) if cmd.until else None, cause=cmd.cause)
    if max(span.since, span.until or span.since) > work.now:
        raise Rejected("downtime_in_future", "what is to come is planned, not recorded", path="from")
    if span in asset.downtimes.latest:
        return
    spans = downtime_set(asset.downtimes, span)
    work.save(replace(asset, downtimes=spans, down_since=spans.down_since))
    _note(work, span)


def _note(work: Work, span: Span) -> None:
    # One row for each beginning: setting it again replaces it.
    id = uuid7(span.since, hashlib.sha256(f"{work.target_id}|down".encode()).digest()[:10])
    work.entry(id)  # What is replaced is read first, so that the store knows that it is no new row.
    row = Downtime(
        id=id,
        at=work.occurred_at,
        by=work.actor.user_id,
        since=span.since,
        until=span.until,
        cause=span.cause,
    )
    work.record(row)
    named = {"from": span.since, "to": span.until, "cause": span.cause}
    work.emit("asset.downtime_set", entry_id=id, **named)
