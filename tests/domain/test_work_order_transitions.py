"""The table, move by move; then any moves at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Rejected
from domain.identity.actor import Actor
from domain.work_order import approvals
from domain.work_order.checklist import Item
from domain.work_order.model import ApprovalStep, WorkOrder, initial_status, order_number
from domain.work_order.transitions import ACTIONS, OPEN, STATUSES, TRANSITIONS, Action, Status

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
ANN, BOB, EVE = "ann", "bob", "eve"


def order(status: Status = "requested", **fields: object) -> WorkOrder:
    plain = {"title": "Oil leak", "type": "corrective", "priority": "high", "created_at": AT}
    return WorkOrder(**{"id": "o", "number": order_number(7), "status": status, **plain, **fields})  # type: ignore[arg-type]


MOVES: dict[Action, Callable[[WorkOrder, str], WorkOrder]] = {
    "assign": lambda o, by: o.assign((BOB,), None, by=by, at=AT),
    "unassign": lambda o, by: o.assign((), None, by=by, at=AT),
    "start": lambda o, by: o.start(by=by, at=AT),
    "hold": lambda o, by: o.hold("parts", by=by, at=AT),
    "resume": lambda o, by: o.resume(by=by, at=AT),
    "complete": lambda o, by: o.complete(by=by, at=AT),
    "reopen": lambda o, by: o.reopen("still leaks", by=by, at=AT),
    "close": lambda o, by: o.close(by=by, at=AT),
    "cancel": lambda o, by: o.cancel("scrapped", by=by, at=AT),
    "ask_approval": lambda o, by: approvals.start_approval(o, (ApprovalStep(role="manager"),), by=by, at=AT),
    "approve": lambda o, by: approvals.decide(o, "approve", actor=manager(by), at=AT),
    "reject": lambda o, by: approvals.decide(o, "reject", actor=manager(by), at=AT),
    "update": lambda o, by: o.update(title=f"Oil leak, says {by}"),
}


def manager(user_id: str) -> Actor:
    return Actor(tenant_id="t", user_id=user_id, roles=("manager",))


@pytest.mark.parametrize(
    ("path", "end"),
    [
        (["ask_approval", "approve", "assign", "start", "hold", "resume", "complete", "close"], "closed"),
        (["ask_approval", "reject", "ask_approval", "approve"], "approved"),
        (["assign", "unassign"], "requested"),
        (["start", "complete", "reopen", "complete"], "completed"),
        (["assign", "start", "hold", "cancel"], "cancelled"),
    ],
)
def test_an_order_goes_its_usual_ways(path: list[Action], end: Status) -> None:
    going = order()
    for n, action in enumerate(path):
        # The decider is never the one who asked.
        going = MOVES[action](going, (ANN, BOB)[n % 2])
    assert going.status == end


@pytest.mark.parametrize(
    ("status", "action"),
    [
        (status, action)
        for status in STATUSES
        for action in ("start", "hold", "resume", "complete", "reopen", "close", "cancel", "update")
        if (status, action) not in TRANSITIONS and (status, action) != ("completed", "complete")
    ],
)
def test_what_the_table_does_not_name_is_refused_in_words(status: Status, action: Action) -> None:
    with pytest.raises(Rejected) as refused:
        MOVES[action](order(status), ANN)
    assert refused.value.code == "invalid_transition"
    assert refused.value.message.startswith("WO-000007 is ")


def test_every_open_status_may_be_cancelled_and_no_other() -> None:
    assert {status for status in STATUSES if (status, "cancel") in TRANSITIONS} == set(OPEN)


def test_only_a_closed_order_refuses_bookings() -> None:
    assert [status for status in STATUSES if (status, "book") not in TRANSITIONS] == ["closed"]


def test_every_action_is_possible_somewhere() -> None:
    assert {action for _, action in TRANSITIONS} == set(ACTIONS)


def test_an_order_born_with_someone_to_do_it_is_assigned() -> None:
    assert initial_status((BOB,), None) == "assigned"
    assert initial_status((), "team") == "assigned"
    assert initial_status((), None) == "requested"


@pytest.mark.parametrize("action", ["start", "resume", "reopen", "close", "cancel"])
def test_the_same_word_again_from_the_same_person_changes_nothing(action: Action) -> None:
    before: dict[Action, Status] = {
        "start": "assigned",
        "resume": "on_hold",
        "reopen": "completed",
        "close": "completed",
        "cancel": "draft",
    }
    once = MOVES[action](order(before[action]), ANN)

    assert MOVES[action](once, ANN) is once
    with pytest.raises(Rejected):
        MOVES[action](once, BOB)


def test_completing_twice_changes_nothing_whoever_says_it() -> None:
    once = order("in_progress").complete(by=ANN, at=AT, note="tightened")

    assert once.complete(by=BOB, at=AT + timedelta(hours=1), note="me too") is once


def test_a_second_start_keeps_the_first_start_time() -> None:
    again = order("completed", started_at=AT).reopen("leaks", by=ANN, at=AT + timedelta(days=1))

    assert (again.started_at, again.completed_at) == (AT, None)


def test_completion_never_precedes_the_start() -> None:
    done = order("in_progress", started_at=AT).complete(by=ANN, at=AT - timedelta(minutes=5))

    assert done.completed_at == AT


def test_required_items_must_be_answered_before_completion() -> None:
    items = (
        Item(item_id="1", text="Power off", kind="check", required=True, value=False),
        Item(item_id="2", text="Pressure", kind="number", required=True),
        Item(item_id="3", text="Remarks", kind="text"),
    )

    with pytest.raises(Rejected) as refused:
        order("in_progress", checklist=items).complete(by=ANN, at=AT)

    assert refused.value.code == "checklist_incomplete"
    assert refused.value.params["items"] == ["1", "2"]


def test_an_open_approval_holds_back_assignment_and_start() -> None:
    asked = MOVES["ask_approval"](order(), ANN)
    for action in ("assign", "start"):
        with pytest.raises(Rejected, match="waits for approval"):
            MOVES[action](asked, BOB)


def test_technicians_work_on_their_own_orders_only() -> None:
    def can(*granted: str) -> Actor:
        return Actor(tenant_id="t", user_id=ANN, granted=frozenset(granted))

    technician = can("workorders.execute")
    order(assignee_ids=(ANN,)).must_be_worked_by(technician)
    order(team_id="team").must_be_worked_by(technician)
    order().must_be_worked_by(can("workorders.write"))
    for theirs in (order(), order(assignee_ids=(BOB,)), order(assignee_ids=(BOB,), team_id="team")):
        with pytest.raises(Rejected) as refused:
            theirs.must_be_worked_by(technician)
        assert refused.value.code == "not_assigned"


def test_approval_steps_are_decided_in_order_by_their_own_people() -> None:
    steps = (ApprovalStep(approver_id=BOB), ApprovalStep(role="manager"))
    asked = approvals.start_approval(order(), steps, by=ANN, at=AT)

    with pytest.raises(Rejected) as refused:
        approvals.decide(asked, "approve", actor=manager(EVE), at=AT)
    assert refused.value.code == "not_your_step"

    half = approvals.decide(asked, "approve", actor=Actor(tenant_id="t", user_id=BOB), at=AT)
    assert (half.status, half.approval_pending) == ("requested", True)
    whole = approvals.decide(half, "approve", actor=manager(EVE), at=AT)
    assert (whole.status, whole.approval_pending) == ("approved", False)


def test_nobody_approves_what_they_asked_for() -> None:
    asked = MOVES["ask_approval"](order(), ANN)

    with pytest.raises(Rejected) as refused:
        MOVES["approve"](asked, ANN)
    assert refused.value.code == "self_approval"
    with pytest.raises(Rejected) as refused:
        approvals.start_approval(order(), (ApprovalStep(approver_id=ANN),), by=ANN, at=AT)
    assert refused.value.code == "self_approval"


def test_a_rejection_sends_back_and_asks_no_further() -> None:
    steps = (ApprovalStep(role="manager"), ApprovalStep(approver_id=EVE))
    asked = approvals.start_approval(order(), steps, by=ANN, at=AT)

    back = approvals.decide(asked, "reject", actor=manager(BOB), at=AT, note="too dear")

    assert (back.status, back.approval_pending, back.reason) == ("draft", False, "too dear")


Step = tuple[Action, str]
steps = st.lists(st.tuples(st.sampled_from(sorted(MOVES)), st.sampled_from([ANN, BOB])), max_size=40)


def fold(start: WorkOrder, path: list[Step]) -> tuple[WorkOrder, list[Step]]:
    """Where the path leads, and the steps of it that were not refused."""
    taken: list[Step] = []
    for action, by in path:
        try:
            start = MOVES[action](start, by)
        except Rejected:
            continue
        taken.append((action, by))
    return start, taken


@given(steps)
def test_no_sequence_of_actions_leaves_the_table(path: list[Step]) -> None:
    going = order()
    for action, by in path:
        try:
            after = MOVES[action](going, by)
        except Rejected:
            continue
        assert after is going or TRANSITIONS[going.status, action] == after.status
        assert (after.completed_at is not None) == (after.status in ("completed", "closed"))
        assert (after.closed_at is not None) == (after.status == "closed")
        assert (after.cancelled_at is not None) == (after.status == "cancelled")
        assert (after.hold_reason is not None) == (after.status == "on_hold")
        going = after


@given(steps)
def test_refused_commands_leave_no_trace(path: list[Step]) -> None:
    end, taken = fold(order(), path)

    assert fold(order(), taken) == (end, taken)


@given(steps, steps, st.randoms(use_true_random=False))
def test_any_interleaving_of_two_people_equals_the_serial_order_of_what_was_applied(
    anns: list[Step], bobs: list[Step], chance: Random
) -> None:
    """Commands of two users meet in one line: the end is that of a serial run of the applied ones alone,
    each user's own order kept."""
    mine = [(action, ANN) for action, _ in anns]
    theirs = [(action, BOB) for action, _ in bobs]
    merged: list[Step] = []
    left, right = list(mine), list(theirs)
    while left or right:
        side = left if left and (not right or chance.random() < 0.5) else right
        merged.append(side.pop(0))

    end, taken = fold(order(), merged)

    assert [step for step in merged if step[1] == ANN] == mine
    assert fold(order(), taken)[0] == end
    serial = order()
    for action, by in taken:
        serial = MOVES[action](serial, by)
    assert serial == end
