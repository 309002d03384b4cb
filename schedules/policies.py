"""Requests updates of the watched orders of a tenant whose policies changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from schedules.declaration import WRITE_LAG, CommandRequest, Due, Every, Latest, Schedule


def request_updates(due: Due, _slot: datetime, now: datetime) -> Iterator[CommandRequest]:
    """One command for each order with an older version of the policies; then `policies.settle`."""
    for policies in due.changed_policies():
        is_done = True
        for order_id in due.orders_behind(policies):
            is_done = False
            yield CommandRequest(
                tenant_id=policies.tenant_id,
                type="work_order.rewatch",
                payload={"work_order_id": order_id, "policies_version": policies.version},
                key=f"policies:{policies.version}:order:{order_id}",
            )
        if is_done and now - policies.at >= WRITE_LAG:
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
    summary="updates open orders whose policies have changed",
)
