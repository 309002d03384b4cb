"""From one notice to one row for each person and channel."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.delivery_desk import Desk, ident

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_notice_becomes_one_row_for_each_person_and_channel_however_often_it_is_spread(desk: Desk) -> None:
    about = desk.order(1)
    desk.notice(about, desk.person(1), desk.person(2))

    assert desk.spread() == 1
    desk.db.notices.update_many({}, {"$set": {"spread_at": None}, "$unset": {"spread_until": ""}})
    assert desk.spread() == 1
    assert desk.spread() == 0

    assert desk.states("in_app") == ["sent", "sent"]
    assert desk.states("email") == ["pending", "pending"]


def test_in_the_app_a_notice_is_there_at_once_with_what_it_tells(desk: Desk) -> None:
    about, person = desk.order(1), desk.person(1)
    desk.prefers(1, quiet_hours={"from": "00:00", "to": "23:59"}, digest="daily")
    desk.notice(about, person, params={"after": "P1D"})

    desk.spread()

    (row,) = desk.rows("in_app")
    assert (row["state"], row["about"], row["kind"], row["recipient"]) == ("sent", about, "overdue", person)
    assert row["params"] == {"after": "P1D"}
    assert row["sent_at"] == row["created_at"]


def test_roles_reach_the_active_people_of_their_own_tenant(desk: Desk) -> None:
    desk.person(1, roles=["supervisor"])
    desk.person(2, roles=["supervisor"], active=False)
    desk.person(3, roles=["supervisor"], tenant="t2")
    desk.person(4)
    desk.notice(desk.order(1), audience={"user_ids": [ident(1)], "roles": ["supervisor"]})

    desk.spread()

    assert [row["recipient"] for row in desk.rows("email")] == [ident(1)]


def test_somebody_of_another_tenant_is_told_nothing_even_by_name(desk: Desk) -> None:
    desk.notice(desk.order(1), desk.person(1, tenant="t2"))

    desk.spread()

    assert desk.rows("email") == desk.rows("in_app") == []


def test_channels_that_a_person_has_turned_off_are_left_out(desk: Desk) -> None:
    desk.prefers(1, channels=["in_app"])
    desk.notice(desk.order(1), desk.person(1))

    desk.spread()

    assert len(desk.rows("in_app")) == 1
    assert desk.rows("email") == []


def test_without_a_mail_server_mail_fails_in_sight(desk: Desk) -> None:
    desk.notice(desk.order(1), desk.person(1))

    desk.spread(mail_configured=False)

    (row,) = desk.rows("email")
    assert (row["state"], row["error"]["code"]) == ("failed", "mail_not_configured")
    counted = desk.metrics.deliveries.labels("email", "failed")._value.get()
    assert counted == 1


@pytest.mark.parametrize(
    ("critical", "due_at"), [(False, datetime(2026, 3, 3, 5, 30, tzinfo=UTC)), (True, NOON)]
)
def test_what_is_critical_waits_for_neither_quiet_hours_nor_digest(
    desk: Desk, critical: bool, due_at: datetime
) -> None:
    """Noon UTC is 20:00 in Singapore; the digest of 06:00 there lies in quiet hours, which end at 13:30."""
    quiet = {"from": "22:00", "to": "13:30"}
    desk.prefers(1, time_zone="Asia/Singapore", digest="daily", digest_at="06:00", quiet_hours=quiet)
    desk.notice(desk.order(1), desk.person(1), critical=critical)

    desk.spread(at=NOON)

    (row,) = desk.rows("email")
    assert row["due_at"] == due_at
    assert row["digest"] is not critical


def test_what_is_no_longer_true_is_not_even_shown(desk: Desk) -> None:
    done = desk.order(1, status="completed")
    moved = desk.order(2, due_at=datetime(2026, 3, 9, tzinfo=UTC))
    for about in (done, moved):
        desk.notice(about, desk.person(1) if about is done else ident(1))

    desk.spread()

    reasons = {row["about"]: row["error"]["code"] for row in desk.rows("in_app", state="cancelled")}
    assert reasons == {done: "order_completed", moved: "due_date_moved"}
    assert desk.states("email") == ["cancelled", "cancelled"]


def test_a_claim_on_notices_ends_so_that_a_dead_spreader_s_are_spread(desk: Desk) -> None:
    desk.notice(
        desk.order(1), desk.person(1), spread_by="dead", spread_until=desk.now() + timedelta(seconds=20)
    )
    assert desk.spread() == 0

    desk.db.notices.update_many({}, {"$set": {"spread_until": desk.now() - timedelta(seconds=1)}})

    assert desk.spread() == 1
