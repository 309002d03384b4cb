"""meter.reading.record"""

from __future__ import annotations

from datetime import timedelta

from domain.assets.meter import Change, Mark, Meter, Reading, decimal_text, reading_id, recorded
from domain.errors import Rejected
from domain.fields import Instant, SignedDecimal, decimal, instant
from domain.ids import Id
from domain.time.instants import rfc3339
from tasks.command import Payload, handles
from tasks.work import Work

AHEAD = timedelta(minutes=5)
"""A reading may be this far in the future, for clock skew of devices; it counts as read now."""


class RecordReading(Payload, frozen=True, kw_only=True):
    meter_id: Id
    value: SignedDecimal
    read_at: Instant | None = None
    kind: Change = "reading"


@handles("meter.reading.record", permission="workorders.execute")
def record(cmd: RecordReading, work: Work) -> None:
    """Record a meter reading; as `reset` after a replacement, as `rollover` after the display restarts at
    zero."""
    meter = work.load(Meter)
    read_at = instant(cmd.read_at) if cmd.read_at else work.occurred_at
    if read_at > work.now + AHEAD:
        raise Rejected("read_in_future", f"it is only {rfc3339(work.now)}", path="read_at")
    mark = Mark(read_at=read_at, value=decimal(cmd.value), change=cmd.kind)
    # Derived from what was sent: the same reading twice is one row, even if its time is corrected below.
    id = reading_id(meter.id, mark)
    if work.entry(id) is not None:
        return
    mark = Mark(read_at=min(read_at, work.now), value=mark.value, change=mark.change)
    result = recorded(meter, mark)
    work.save(result.meter)
    _record_row(work, id, mark, result.meter, late=result.late)
    if not result.fits:
        work.warn(
            "out_of_order_mismatch",
            f"{decimal_text(mark.value)} contradicts the readings around {rfc3339(mark.read_at)}: "
            "the total is unchanged",
            value=decimal_text(mark.value),
        )
    if not result.late:
        _check_plans(work, result.meter, mark)


def _record_row(work: Work, id: str, mark: Mark, meter: Meter, *, late: bool) -> None:
    work.record(
        Reading(
            id=id,
            at=work.occurred_at,
            by=work.actor.user_id,
            change=mark.change,
            value=mark.value,
            read_at=mark.read_at,
            total=meter.total,
            late=late,
        )
    )
    work.emit(
        "meter.reading_recorded",
        entry_id=id,
        kind=mark.change,
        value=decimal_text(mark.value),
        read_at=mark.read_at,
        total=decimal_text(meter.total),
        late=late,
    )


def _check_plans(work: Work, meter: Meter, mark: Mark) -> None:
    for plan_id in meter.plans:
        work.follow_up(
            "plan.meter_check",
            {
                "plan_id": plan_id,
                "meter_id": meter.id,
                "total": decimal_text(meter.total),
                "read_at": rfc3339(mark.read_at),
            },
            step=f"plan:{plan_id}",
        )
