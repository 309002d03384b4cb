"""A notice's identity, and when it is no longer true."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from domain.ids import UUID7
from domain.notices.notice import Valid, notice_id, objection

DUE = datetime(2026, 3, 3, 8, tzinfo=UTC)
SAME = Valid(due_at="2026-03-03T09:00:00+01:00")

MINE, OTHER = (notice_id("user:x", step) for step in ("mine", "other"))


def test_the_same_step_about_the_same_thing_is_the_same_notice() -> None:
    ids = {notice_id(about, step) for about in ("work_order:a", "work_order:b") for step in ("x", "y")}

    assert len(ids) == 4
    assert notice_id("work_order:a", "x") in ids
    assert all(re.fullmatch(UUID7, id) for id in ids)


@pytest.mark.parametrize(
    ("valid", "kind", "status", "due_at", "acknowledged", "why"),
    [
        (SAME, "overdue", "assigned", DUE, None, None),
        (SAME, "overdue", "assigned", None, None, "due_date_moved"),
        (Valid(), "overdue", "assigned", None, None, None),
        (Valid(), "overdue", "completed", DUE, None, "order_completed"),
        (Valid(statuses=("requested",)), "sla_response", "assigned", DUE, None, "order_assigned"),
        (Valid(statuses=("completed",)), "overdue", "completed", DUE, None, None),
        (Valid(), "overdue", "on_hold", DUE, DUE, "acknowledged"),
        (Valid(), "sla_resolve", "on_hold", DUE, DUE, None),
        (Valid(assigned_to=MINE), "overdue", "assigned", DUE, None, None),
        (Valid(assigned_to=OTHER), "overdue", "assigned", DUE, None, "assignee_changed"),
    ],
)
def test_what_must_still_be_so(
    valid: Valid,
    kind: str,
    status: str,
    due_at: datetime | None,
    acknowledged: datetime | None,
    why: str | None,
) -> None:
    found = objection(
        valid,
        kind,
        status=status,
        due_at=due_at,
        acknowledged_at=acknowledged,
        assignee_ids=[MINE],
        made_at=DUE,
        snoozed_at=None,
    )

    assert found == why
