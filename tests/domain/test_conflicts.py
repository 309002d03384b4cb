"""What becomes of a change whose author saw an older version, without a store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from domain.conflicts import (
    OLDEST,
    SERVER_WINS,
    SUSPECT,
    TABLED,
    Change,
    changed_paths,
    contended_paths,
    contested_paths,
    effective_time,
    from_others,
    is_too_old,
    server_wins,
    value_at,
    value_before,
)
from domain.work_order.checklist import Item
from domain.work_order.model import WorkOrder
from tests.tasks.fake_work import ident

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PHONE, OTHER_PHONE = "ann/phone", "ann/tablet"


def change(*paths: str, version: int = 2, outbox: str | None = None, **was: Any) -> Change:
    return Change(paths=frozenset(paths), version=version, at=NOON, outbox=outbox, was=was)


def order(**fields: Any) -> WorkOrder:
    plain = {"id": ident(1), "number": "WO-000001", "title": "Leak", "status": "assigned", "created_at": NOON}
    return WorkOrder(**{"type": "corrective", "priority": "high", **plain, **fields})


@pytest.mark.parametrize("field", ["assignee_ids", "team_id", "due_at", "priority"])
def test_each_field_that_the_office_decides_keeps_the_offices_value_against_a_device(field: str) -> None:
    assert SERVER_WINS["work_order"] == {"assignee_ids", "team_id", "due_at", "priority"}
    changes = [change(field, "title")]

    assert server_wins("work_order", [field, "title"], changes, PHONE) == {field}
    assert server_wins("work_order", [field], changes, None) == set(), "the office itself may change it"
    assert server_wins("work_order", [field], [change(field, outbox=PHONE)], PHONE) == set()
    assert server_wins("asset", [field], changes, PHONE) == set()


def test_a_device_does_not_conflict_with_itself_but_with_every_other() -> None:
    changes = [change("title", outbox=PHONE), change("title", outbox=OTHER_PHONE), change("title")]

    assert from_others(changes, PHONE) == changes[1:]
    assert from_others(changes, None) == changes


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind in TABLED for field in TABLED[kind]])
def test_what_a_table_of_transitions_moves_is_contended_online_alone(kind: str, field: str) -> None:
    assert contended_paths(kind, [field, "title"], PHONE) == {"title"}
    assert contended_paths(kind, [field, "title"], None) == {field, "title"}


def test_a_contested_path_is_told_with_the_latest_change_of_somebody_else() -> None:
    first, latest, own = change("title", version=2), change("title", "due_at", version=3), change("title")

    contested = contested_paths({"title", "due_at", "priority"}, [first, latest], None)

    assert contested == [("due_at", latest), ("title", latest)]
    assert contested_paths({"title"}, [replace(own, outbox=PHONE)], PHONE) == []


def test_the_value_that_the_author_saw_is_the_one_before_the_first_change() -> None:
    changes = [change("title", version=2, title="Leak"), change("title", version=3, title="Big leak")]

    assert value_before("title", changes) == "Leak"
    assert value_before("due_at", changes) is None


@pytest.mark.parametrize(
    ("occurred", "offset", "at", "is_suspect"),
    [
        (NOON - timedelta(hours=1), timedelta(), NOON - timedelta(hours=1), False),
        (NOON - timedelta(hours=1), timedelta(minutes=1), NOON - timedelta(minutes=59), False),
        (NOON - timedelta(hours=1), SUSPECT, NOON - timedelta(minutes=58), False),
        (NOON, SUSPECT + timedelta(seconds=1), NOON, True),
        (NOON, -SUSPECT - timedelta(seconds=1), NOON - SUSPECT - timedelta(seconds=1), True),
        (NOON + timedelta(minutes=1), timedelta(), NOON, False),
        (NOON + timedelta(minutes=3), timedelta(), NOON, True),
    ],
)
def test_a_devices_time_is_corrected_and_never_in_the_future(
    occurred: datetime, offset: timedelta, at: datetime, is_suspect: bool
) -> None:
    effective = effective_time(occurred, offset, NOON)

    assert (effective.at, effective.is_suspect) == (at, is_suspect)


def test_what_is_ninety_days_old_counts_and_what_is_older_waits_for_a_person() -> None:
    assert not is_too_old(NOON - OLDEST, NOON)
    assert is_too_old(NOON - OLDEST - timedelta(seconds=1), NOON)


def test_fields_that_differ_are_named_with_both_values_and_no_other() -> None:
    before = order()

    assert changed_paths(before, before) == {}
    assert changed_paths(before, replace(before, title="Big leak")) == {"title": ("Leak", "Big leak")}
    assert changed_paths(before, order()) == {}, "equal values are no change, whichever objects they are"


def test_an_answer_is_contended_for_by_its_item() -> None:
    items = tuple(Item(item_id=ident(n), text=f"Item {n}", kind="check", required=True) for n in (1, 2))
    before = order(checklist=items)
    after = replace(before, checklist=(replace(items[0], value=True), items[1]))

    paths = changed_paths(before, after)

    assert set(paths) == {"checklist", f"checklist/{ident(1)}"}
    assert paths[f"checklist/{ident(1)}"] == (None, True)
    assert value_at(after, f"checklist/{ident(1)}") is True
    assert value_at(after, f"checklist/{ident(9)}") is None
    assert value_at(after, "title") == "Leak"
