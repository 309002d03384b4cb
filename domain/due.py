"""What the scheduler may find due: names and instants, nothing else."""

from __future__ import annotations

from datetime import datetime

import msgspec


class DuePlan(msgspec.Struct, frozen=True):
    tenant_id: str
    plan_id: str
    generate_at: datetime


class DueOrder(msgspec.Struct, frozen=True):
    tenant_id: str
    work_order_id: str
    look_at: datetime


class ChangedTerms(msgspec.Struct, frozen=True):
    """Something that others go by, in a version that not all of them have been told of. `at`: since when."""

    tenant_id: str
    id: str
    version: int
    at: datetime
