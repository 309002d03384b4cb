"""Policies that were changed: orders that are watched by them are worked out anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from schedules.declaration import WRITE_LAG, CommandRequest, Due, Every, Latest, Schedule


def request_updates(due: Due, _slot: datetime, now: datetime) -> Iterator[CommandRequest]:
    """Each order behind the policies' version once; when none is left or to come, they are settled."""
    for policies in due.changed_policies():
        told_all = True
        for order_id in due.orders_behind(policies):
            told_all = False
            yield CommandRequest(
                tenant_id=policies.tenant_id,
                type="work_order.rewatch",
                payload={"work_order_id": order_id, "policies_version": policies.version},
                key=f"policies:{policies.version}:order:{order_id}",
            )
        if told_all and now - policies.at >= WRITE_LAG:
            yield CommandRequest(
                tenant_id=policies.tenant_id,
                type="policies.settle",
                payload={"policies_id": policies.id, "version": policies.version},
                key=f"policies:{policies.version}:settled",
            )


SCHEDULE = Schedule(
    name="policies",
    rule=Every(timedelta(seconds=15)),
    lock_ttl="job_lock_ttl",
    catch_up=Latest(),
    overlap="skip",
    requests=request_updates,
    summary="tells open orders of policies that have changed",
)
