"""The id of an occurrence's order, derived from plan, lane and occurrence, so that there is only one
order."""

from __future__ import annotations

import hashlib
from datetime import datetime

from domain.ids import uuid7


def order_id(plan_id: str, lane: str, occurrence: str, due_at: datetime) -> str:
    """A UUIDv7 whose time is the due date and whose noise is a digest of plan, lane and occurrence."""
    digest = hashlib.sha256(f"{plan_id}|{lane}|{occurrence}".encode()).digest()
    return uuid7(due_at, digest[:10])
