"""What runs once, and what runs by the clock."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import available_timezones

from tests.k8s.check import check
from tests.k8s.manifests import Document, Manifests, called

FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
DAY_S = 86_400


@check
def jobs_end(manifests: Manifests) -> Iterator[str]:
    for where, spec in _jobs(manifests):
        for name in ("backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"):
            if name not in spec:
                yield f"{where}: has no {name}"
        if spec["template"]["spec"].get("restartPolicy") not in ("Never", "OnFailure"):
            yield f"{where}: the API server refuses its restartPolicy"


def _jobs(manifests: Manifests) -> Iterator[tuple[str, Document]]:
    for where, document in manifests.of("Job"):
        yield where, document["spec"]
    for where, document in manifests.of("CronJob"):
        yield where, document["spec"]["jobTemplate"]["spec"]


@check
def cron_jobs_run_when_they_say(manifests: Manifests) -> Iterator[str]:
    for _, document in manifests.of("CronJob"):
        yield from cron_faults(document)


def cron_faults(document: Document) -> Iterator[str]:
    where, spec = called(document), document["spec"]
    if not is_cron(spec["schedule"]):
        yield f"{where}: {spec['schedule']!r} is no schedule"
    if spec.get("timeZone") not in available_timezones():
        yield f"{where}: there is no time zone {spec.get('timeZone')!r}"
    if spec.get("concurrencyPolicy") != "Forbid":
        yield f"{where}: two may run at once"
    if not 0 < spec.get("startingDeadlineSeconds", 0) < DAY_S:
        yield f"{where}: has no deadline for a start that was missed"


def is_cron(text: str) -> bool:
    """Whether a schedule has five fields of numbers, ranges, lists and steps."""
    fields = text.split()
    return len(fields) == len(FIELDS) and all(
        _is_field(field, *bounds) for field, bounds in zip(fields, FIELDS, strict=True)
    )


def _is_field(field: str, low: int, high: int) -> bool:
    for part in field.split(","):
        span, slash, step = part.partition("/")
        if slash and not (step.isdigit() and int(step)):
            return False
        ends = [str(low), str(high)] if span == "*" else span.split("-")
        if len(ends) > 2 or not all(end.isdigit() and low <= int(end) <= high for end in ends):
            return False
        if int(ends[0]) > int(ends[-1]):
            return False
    return True
