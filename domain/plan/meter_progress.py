"""A plan's progress by its meter, and the total at which it is due next.

A threshold fires once. A reading that passes several thresholds, as after a month without readings, makes the
plan due once, whatever its `catch_up`: the oil is changed once, not three times.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from domain.fields import decimal
from domain.recurrence.trigger import ByMeter

_BY_METER = "meter@"


class MeterProgress(msgspec.Struct, frozen=True, kw_only=True):
    """`next_at` is the total it is due at; None before the first reading. `fired_at`: the threshold
    that it was due at last, which stays latched. `round` counts beginnings, so that no threshold is ever
    named twice; `fired` how often the meter made it due, `issued` how often anything did.
    """

    meter_id: str
    round: int = 1
    next_at: Decimal | None = None
    fired_at: Decimal | None = None
    fired: int = 0
    issued: int = 0
    last_total: Decimal | None = None
    last_at: datetime | None = None


def new_progress(trigger: ByMeter | None, before: MeterProgress | None = None) -> MeterProgress | None:
    """The initial progress; the present one if a revision did not change the meter's part of the trigger."""
    if trigger is None:
        return None
    if before is None:
        return MeterProgress(meter_id=trigger.meter_id)
    anew = MeterProgress(meter_id=trigger.meter_id, round=before.round + 1)
    if before.meter_id != trigger.meter_id or before.last_total is None:
        return anew
    return with_meter_total(anew, trigger, total=before.last_total, at=before.last_at)


def with_meter_total(
    progress: MeterProgress, trigger: ByMeter, *, total: Decimal, at: datetime | None
) -> MeterProgress:
    """The progress with the meter's total at a time (None: before its first reading).

    An older total than the known one changes nothing.
    """
    if progress.last_at is not None and (at is None or at < progress.last_at):
        return progress
    known = replace(progress, last_total=total, last_at=at)
    if progress.next_at is None:
        first = total + decimal(trigger.every)
        if trigger.start_value is not None:
            first = decimal(trigger.start_value)
        return replace(known, next_at=first)
    slack = decimal(trigger.hysteresis or 0)
    if progress.fired_at is not None and total < progress.fired_at - slack:
        return replace(restarted(known, trigger), fired_at=None, round=known.round + 1)
    return known


def threshold(progress: MeterProgress) -> Decimal | None:
    """The total for which the plan is due; None if it is not."""
    if progress.next_at is None or progress.last_total is None or progress.last_total < progress.next_at:
        return None
    return progress.next_at


def fired(progress: MeterProgress, trigger: ByMeter) -> tuple[MeterProgress, int]:
    """The progress after the threshold `next_at` fired, and how many later thresholds were passed too."""
    if progress.next_at is None or progress.last_total is None:
        return progress, 0
    reached, every = progress.next_at, decimal(trigger.every)
    passed = max(int((progress.last_total - reached) // every), 0)
    after = replace(
        progress,
        next_at=reached + (passed + 1) * every,
        fired_at=reached,
        fired=progress.fired + 1,
    )
    return after, passed


def restarted(progress: MeterProgress, trigger: ByMeter) -> MeterProgress:
    """The progress with its count restarted at the present total."""
    if progress.last_total is None:
        return progress
    return replace(progress, next_at=progress.last_total + decimal(trigger.every))


def occurrence_name(progress: MeterProgress, total: Decimal) -> str:
    """The name of the occurrence at that total: `meter@1500`, in a later round `meter@1500#2`."""
    name = f"{_BY_METER}{total.normalize() + Decimal(0):f}"
    return name if progress.round == 1 else f"{name}#{progress.round}"


def is_named(occurrence: str) -> bool:
    """Whether the occurrence is named by a meter, not by a local time."""
    return occurrence.startswith(_BY_METER)
