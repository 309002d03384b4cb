"""What schedules read from the store: ids, and the instants at which something is due."""

from __future__ import annotations

from datetime import datetime

import msgspec


class DuePlan(msgspec.Struct, frozen=True):
    """A plan whose next due check is at `generate_at`."""

    tenant_id: str
    plan_id: str
    generate_at: datetime


class DueOrder(msgspec.Struct, frozen=True):
    """A work order whose next due check is at `look_at`."""

    tenant_id: str
    work_order_id: str
    look_at: datetime


class ChangedTerms(msgspec.Struct, frozen=True):
    """A calendar, or a tenant's policies, with a version that some dependents still lack. `at`: when it
    changed."""

    tenant_id: str
    id: str
    version: int
    at: datetime
