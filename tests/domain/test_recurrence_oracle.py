"""Rules, zones and starts by the thousand against an engine that shares nothing with ours: `oracle/`."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from domain.recurrence.checks import check_rule
from domain.recurrence.times import occurrences
from domain.recurrence.trigger import Rrule
from domain.time.local_time import in_gap, parse_local

ROWS = (Path(__file__).parent / "oracle" / "recurrence.tsv").read_text().splitlines()[1:]
IN_GAPS = 30
"""Times more than are compared: the other engine leaves out those that the clocks leave out."""


def test_random_rules_in_any_zone_name_the_times_that_an_independent_engine_names() -> None:
    different = [row for row in ROWS if not agrees(*row.split("\t"))]

    assert different == []
    assert len(ROWS) >= 2_000


def agrees(rule: str, zone: str, start: str, minutes: str) -> bool:
    check_rule(rule, parse_local(start), zone)
    trigger = Rrule(rrule=rule, start_local=start, time_zone=zone)
    expected = [int(since) for since in minutes.split()]
    times = (one.local for one in islice(occurrences(trigger), len(expected) + IN_GAPS))
    shown = [local for local in times if not in_gap(local, zone)][: len(expected)]
    before = [parse_local(start), *shown]
    return [(one - last).total_seconds() / 60 for last, one in zip(before, shown, strict=False)] == expected
