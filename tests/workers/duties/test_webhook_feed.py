"""From events to the ledger's rows: none missing since a webhook was made, none twice, none of another's."""

from __future__ import annotations

from datetime import timedelta

import pymongo
import pytest

from tests.support.webhook_ground import COMPLETED, STARTED, Ground
from workers.duties.webhook_feed import CURSOR, IDLE


def test_each_webhook_is_told_what_it_asked_for_and_nothing_of_another_tenant(ground: Ground) -> None:
    both, one = ground.listen(STARTED, COMPLETED), ground.listen(COMPLETED)
    stranger = ground.listen(STARTED, tenant="other")
    feed = ground.feed()
    feed.tick()

    started, completed, theirs = (
        ground.happen(STARTED),
        ground.happen(COMPLETED),
        ground.happen(STARTED, tenant="other"),
    )
    ground.happen("work_order.held")
    feed.tick()
    feed.close()

    assert ground.told(both) == [started, completed]
    assert ground.told(one) == [completed]
    assert ground.told(stranger) == [theirs]
    made = ground.db["deliveries"].find_one({"recipient": one})
    assert made is not None
    assert (made["channel"], made["state"], made["about"]) == ("webhook", "pending", "work_order:1")
    assert made["payload"]["actor"] == {"via": "offline", "user_id": "u1"}
    assert made["payload"].keys().isdisjoint({"paths", "root", "command_id"})


def test_nothing_is_watched_while_nobody_listens_nor_told_afterwards(ground: Ground) -> None:
    feed = ground.feed()
    before = ground.happen(at=ground.now() - timedelta(seconds=1))

    assert feed.tick() == IDLE
    assert ground.cursor() is None
    webhook = ground.listen(STARTED)
    after = ground.happen()
    feed.tick()
    feed.close()

    assert ground.told(webhook) == [after]
    assert before not in ground.told()


def test_who_begins_to_listen_while_events_are_read_misses_none(ground: Ground) -> None:
    ground.listen(STARTED)
    late: list[str] = []

    def meanwhile() -> float:
        """The feed looks at its clock while it reads."""
        if not late and ground.cursor():
            late.extend((ground.listen(COMPLETED), ground.happen(COMPLETED), ground.happen(STARTED)))
        return ground.monotonic()

    feed = ground.feed(monotonic=meanwhile)
    for _ in range(4):
        feed.tick()
    feed.close()

    webhook, completed, started = late
    assert ground.told(webhook) == [completed]
    assert ground.told() == sorted([completed, started])


def test_the_next_leader_goes_on_where_the_last_one_stopped(ground: Ground) -> None:
    webhook = ground.listen(STARTED)
    first = ground.feed()
    first.tick()
    told = ground.happen()
    first.tick()
    first.close()
    untold = ground.happen()

    second = ground.feed(ground.lead())
    second.tick()
    second.close()

    assert ground.told(webhook) == [told, untold]


def test_what_a_crash_had_told_already_is_told_once(ground: Ground) -> None:
    webhook = ground.listen(STARTED)
    first = ground.feed()
    first.tick()
    place = ground.cursor()
    assert place is not None
    told = ground.happen()
    first.tick()
    first.close()
    ground.db["cursors"].replace_one({"_id": CURSOR}, place)  # as if it had died before it moved on

    second = ground.feed(ground.lead())
    second.tick()
    second.close()

    assert ground.told(webhook) == [told]


def test_a_leader_that_slept_through_its_term_leaves_the_cursor_alone(ground: Ground) -> None:
    ground.listen(STARTED)
    late, leader = ground.feed(), ground.feed(ground.lead())
    late.tick()
    leader.tick()
    known = ground.cursor()
    ground.happen()

    with pytest.raises(pymongo.errors.DuplicateKeyError):
        late.tick()
    late.close()
    leader.close()

    assert ground.cursor() == known


def test_a_history_that_is_too_short_is_made_up_for_by_looking_through_all_events(ground: Ground) -> None:
    webhook = ground.listen(STARTED, since=timedelta(minutes=-10))
    lost_at = ground.now() - timedelta(minutes=5)
    ground.db["cursors"].insert_one({"_id": CURSOR, "token": ground.lost_token(), "at": lost_at})
    long_ago = ground.happen(at=lost_at - timedelta(minutes=1))
    missed = ground.happen(at=lost_at + timedelta(minutes=1))

    second = ground.feed(ground.lead())
    second.tick()  # finds out
    newer = ground.happen()
    second.tick()  # looks
    second.tick()  # goes on
    second.close()

    assert ground.told(webhook) == [missed, newer]
    assert long_ago not in ground.told()
    after = ground.cursor()
    assert after is not None
    assert after["at"] > lost_at


def test_a_stream_lives_through_ticks_that_are_each_under_a_limit(ground: Ground) -> None:
    webhook = ground.listen(STARTED)
    feed = ground.feed()
    happened: list[str] = []

    for _ in range(3):
        with pymongo.timeout(2):
            feed.tick()
        happened.append(ground.happen())
    with pymongo.timeout(2):
        feed.tick()
    feed.close()

    assert ground.told(webhook) == happened
