"""What a courier sends, to whom, in how many messages, and what it leaves in the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest

from adapters.delivery.outcomes import Again, Down, Failed, Later, Outcome, Sent, Trouble, Uncertain
from adapters.operators.audit import Act
from adapters.operators.deliveries import resend
from adapters.process.clock import to_milliseconds
from tests.support.delivery_desk import TENANT, Desk, Document, Scripted, address, ident
from tests.support.mailserver import Served, mail_server

OOPS = Trouble("oops", "$it did not go")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with mail_server() as found:
        yield found


def test_each_person_gets_their_mail_once_under_the_delivery_s_own_id(desk: Desk, served: Served) -> None:
    for n in (1, 2):
        desk.person(n)
    desk.notice(desk.order(1), ident(1), ident(2))
    desk.spread()

    desk.carry(desk.mail_sender(served.port))

    rows = desk.rows("email")
    assert [row["state"] for row in rows] == ["sent", "sent"]
    for row in rows:
        n = 1 if row["recipient"] == ident(1) else 2
        (mail,) = served.mail.to(address(n))
        assert mail["Message-ID"] == row["message_id"] == f"<{row['id']}@millwright>"
        assert mail["X-Millwright-Delivery"] == row["id"]
        assert "sent_at" in row
        assert not {"claimed_by", "claimed_until"} & row.keys()
        assert [line["state"] for line in row["history"]] == ["pending", "sending", "sent"]


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Sent(), "sent"),
        (Failed(OOPS), "failed"),
        (Uncertain(OOPS), "uncertain"),
        (Again(OOPS), "pending"),
        (Down(OOPS), "pending"),
    ],
)
def test_the_ledger_says_what_the_sender_said(desk: Desk, outcome: Outcome, state: str) -> None:
    desk.person(1)
    desk.told(1, to=1)
    before = desk.now()

    desk.carrier(Scripted(outcome)).tick()

    (row,) = desk.rows()
    assert row["state"] == state
    assert row.get("error", {}).get("message") == (None if outcome == Sent() else "$it did not go")
    assert row["attempts"] == (0 if isinstance(outcome, Down) else 1)
    if isinstance(outcome, Again):
        assert before + timedelta(seconds=1) <= row["due_at"] <= desk.now() + timedelta(seconds=10)
        assert "message_id" not in row


def test_after_eight_attempts_it_is_given_up(desk: Desk) -> None:
    desk.person(1)
    desk.told(1, to=1)
    carrier = desk.carrier(Scripted(*[Again(OOPS, timedelta())] * 20))

    for _ in range(12):
        carrier.tick()

    (row,) = desk.rows()
    assert (row["state"], row["attempts"], row["error"]["code"]) == ("failed", 8, "oops")


def test_what_waits_for_a_receiver_that_is_left_alone_fails_after_three_days(desk: Desk) -> None:
    desk.person(1)
    desk.told(1, to=1)
    carrier = desk.carrier(Scripted(*[Later(OOPS, timedelta())] * 3))
    (row,) = desk.rows()

    def days_old(days: int) -> None:
        made = {"created_at": desk.now() - timedelta(days=days)}
        desk.db.deliveries.update_one({"_id": row["_id"]}, {"$set": made})
        carrier.tick()

    days_old(2)
    assert desk.states() == ["pending"]
    days_old(3)
    assert desk.states() == ["failed"]
    act = Act(id=ident(2), tenant_id=TENANT, user_id=None, via="cli", reason="it is back", at=desk.now())
    resend(desk.db, row["id"], act)
    carrier.tick()
    assert desk.states() == ["pending"], "three days from then on"


def test_a_sender_s_own_fault_leaves_the_row_in_doubt(desk: Desk) -> None:
    class Broken(Scripted):
        def send(self, rows: Sequence[Document]) -> Outcome:
            raise KeyError(str(rows))

    desk.person(1)
    desk.told(1, to=1)

    desk.carrier(Broken()).tick()

    assert desk.states() == ["uncertain"]


def test_while_the_channel_is_down_nothing_is_tried_and_afterwards_all_goes(desk: Desk) -> None:
    for n in (1, 2, 3):
        desk.person(n)
    desk.notice(desk.order(1), *map(ident, (1, 2, 3)))
    desk.spread()
    sender = Scripted(Down(OOPS), Down(OOPS))
    carrier = desk.carrier(sender)

    pauses = [carrier.tick(), carrier.tick()]
    waiting = desk.rows()
    carrier.tick()

    assert pauses == [timedelta(seconds=1), timedelta(seconds=2)]
    assert [(row["state"], row["attempts"], row["error"]["code"]) for row in waiting] == [
        ("pending", 0, "oops")
    ] * 3
    assert desk.states() == ["sent"] * 3


def test_more_than_five_at_once_become_one_digest_whose_rows_end_together(desk: Desk, served: Served) -> None:
    desk.person(10, email="storm@example.test")
    abouts = desk.told(7, to=10)

    desk.carry(desk.mail_sender(served.port))

    (mail,) = served.mail.to("storm@example.test")
    rows = desk.rows()
    assert [row["state"] for row in rows] == ["sent"] * 7
    assert {row["message_id"] for row in rows} == {mail["Message-ID"]}
    text = mail.get_body(("plain",))
    assert text is not None
    assert all(about.partition(":")[2] in text.get_content() for about in abouts)
    assert mail["Subject"] == "7 things need your attention"


def test_five_are_told_one_by_one_and_what_is_critical_never_hides_in_a_digest(desk: Desk) -> None:
    for n in (1, 2):
        desk.person(n)
    desk.told(5, to=1)
    desk.told(6, to=2)
    desk.notice(desk.order(1), ident(2), critical=True)
    desk.spread()
    sender = Scripted()

    desk.carrier(sender).tick()

    sizes = [(rows[0]["recipient"], rows[0]["critical"], len(rows)) for rows in sender.given]
    assert sorted(sizes) == sorted(
        [(ident(1), False, 1)] * 5 + [(ident(2), True, 1)] + [(ident(2), False, 6)]
    )


def test_a_digest_is_one_mail_even_for_one_thing_and_an_empty_one_is_none(desk: Desk, served: Served) -> None:
    desk.person(20, email="daily@example.test")
    desk.prefers(20, digest="daily")
    (about,) = desk.told(1, to=20)
    desk.db.deliveries.update_many({}, {"$set": {"due_at": desk.now()}})
    sender = desk.mail_sender(served.port)
    desk.carry(sender)

    about = desk.order(20)
    desk.notice(about, ident(20), step="later")
    desk.spread()
    desk.change(about, status="completed")
    desk.db.deliveries.update_many({"state": "pending"}, {"$set": {"due_at": desk.now()}})
    desk.carry(sender)

    (mail,) = served.mail.to("daily@example.test")
    assert mail["Subject"] == "1 thing needs your attention"
    assert sorted(desk.states()) == ["cancelled", "sent"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "completed"}, "order_completed"),
        ({"status": "cancelled"}, "order_cancelled"),
        ({"due_at": None}, "due_date_moved"),
        ({"watch": {"ladder": {"acknowledged_at": "set below"}}}, "acknowledged"),
    ],
)
def test_what_has_changed_between_ledger_and_sending_is_not_sent(
    desk: Desk, change: dict[str, object], code: str
) -> None:
    desk.person(1)
    (about,) = desk.told(1, to=1)
    if "watch" in change:
        change = {"watch": {"ladder": {"acknowledged_at": desk.now()}}}
    desk.change(about, **change)
    sender = Scripted()

    desk.carrier(sender).tick()

    (row,) = desk.rows()
    assert (row["state"], row["error"]["code"]) == ("cancelled", code)
    assert sender.given == []


def test_whoever_lost_the_order_before_it_was_sent_is_not_reminded_of_it(desk: Desk) -> None:
    for n in (1, 2, 3):
        desk.person(n)
    about = desk.order(1, assignee_ids=[ident(1), ident(2)])
    desk.notice(
        about,
        audience={"user_ids": [ident(3)], "assignee_ids": [ident(1), ident(2), ident(3)], "roles": []},
    )
    desk.spread()
    desk.change(about, assignee_ids=[ident(2)])
    sender = Scripted()

    desk.carry(sender)

    assert sorted(rows[0]["recipient"] for rows in sender.given) == [ident(2), ident(3)]
    (cancelled,) = desk.rows(state="cancelled")
    assert (cancelled["recipient"], cancelled["error"]["code"]) == (ident(1), "assignee_changed")


def test_nobody_who_has_left_is_written_to(desk: Desk) -> None:
    desk.person(1)
    desk.told(1, to=1)
    desk.db.users.update_one({}, {"$set": {"active": False}})

    desk.carrier(Scripted()).tick()

    assert [row["error"]["code"] for row in desk.rows()] == ["user_inactive"]


@pytest.mark.parametrize("is_spread", [True, False])
def test_what_a_snooze_finds_on_its_way_is_told_by_its_end_alone_and_an_sla_does_not_heed_it(
    desk: Desk, *, is_spread: bool
) -> None:
    desk.person(1)
    about = desk.order(1)
    desk.notice(about, ident(1))
    desk.notice(about, ident(1), step="sla", template="sla_resolve")
    if is_spread:
        desk.spread()
    desk.change(about, watch={"ladder": {"snoozed_at": to_milliseconds(desk.now())}})
    desk.notice(about, ident(1), step="overdue:P1D~", created_at=desk.now() + timedelta(hours=3))
    desk.spread()
    sender = Scripted()

    desk.carry(sender)

    assert sorted(rows[0]["step"] for rows in sender.given) == ["overdue:P1D~", "sla"]
    (silenced,) = desk.rows(state="cancelled")
    assert (silenced["step"], silenced["error"]["code"]) == ("overdue:P1D", "snoozed")


def test_what_comes_late_into_quiet_hours_waits_for_their_end_unless_it_is_critical(desk: Desk) -> None:
    desk.person(1)
    desk.told(2, to=1)
    desk.notice(desk.order(1), ident(1), critical=True)
    desk.spread()
    now = desk.now()
    began, ends = now - timedelta(hours=1), now.replace(second=0, microsecond=0) + timedelta(hours=2)
    desk.prefers(1, time_zone="UTC", quiet_hours={"from": f"{began:%H:%M}", "to": f"{ends:%H:%M}"})
    sender = Scripted()

    desk.carry(sender)

    assert [[row["critical"] for row in rows] for rows in sender.given] == [[True]]
    waiting = desk.rows(state="pending")
    assert [(row["due_at"], row["attempts"]) for row in waiting] == [(ends, 0)] * 2


def test_a_row_left_under_way_is_in_doubt_unless_receivers_know_it_again(desk: Desk) -> None:
    for n in (1, 2):
        desk.person(n)
    desk.told(1, to=1)
    desk.told(1, to=2)
    gone = desk.now() - timedelta(seconds=1)
    under_way = {"state": "sending", "claimed_by": "dead", "claimed_until": gone}
    desk.db.deliveries.update_many({"channel": "email"}, {"$set": under_way})
    desk.db.deliveries.update_one(
        {"channel": "email", "recipient": ident(2)}, {"$set": {"channel": "webhook"}}
    )

    swept = [desk.sweep(Scripted()), desk.sweep(Scripted(channel="webhook", repeatable=True))]

    assert swept == [1, 1]
    assert desk.states("email") == ["uncertain"]
    assert desk.states("webhook") == ["pending"]


def test_a_late_worker_changes_nothing(desk: Desk) -> None:
    class Slow(Scripted):
        def send(self, rows: Sequence[Document]) -> Outcome:
            desk.expire(rows)
            assert desk.sweep(self) == 1
            return Sent()

    desk.person(1)
    desk.told(1, to=1)

    desk.carrier(Slow()).tick()

    assert desk.states() == ["uncertain"]


def test_a_claim_that_is_over_begins_nothing(desk: Desk) -> None:
    desk.person(1)
    desk.told(1, to=1)
    sender = Scripted()

    desk.carrier(sender, claim=timedelta(milliseconds=-1)).tick()

    assert sender.given == []
    assert desk.states() == ["pending"]


def test_what_a_person_sends_again_is_the_same_message_beside_what_is_new(desk: Desk) -> None:
    desk.person(1)
    desk.told(6, to=1)
    sender = Scripted(Uncertain(OOPS))
    desk.carrier(sender).tick()
    first = desk.rows()[0]
    act = Act(id=ident(1), tenant_id=TENANT, user_id=None, via="cli", reason="not there", at=desk.now())

    resend(desk.db, first["id"], act)
    desk.notice(desk.order(1), ident(1))
    desk.spread()
    sender.outcomes = [Again(OOPS, timedelta())]
    for _ in range(2):
        desk.carrier(sender).tick()

    sizes = {(len(rows), rows[0]["message_id"]) for rows in sender.given[1:]}
    new = next(row for row in desk.rows() if row["attempts"] == 1)
    assert sizes >= {(6, first["message_id"]), (1, new["message_id"])}
    assert desk.states() == ["sent"] * 7


def test_two_couriers_never_send_the_same(desk: Desk) -> None:
    for n in range(30):
        desk.person(n)
    desk.notice(desk.order(1), *map(ident, range(30)))
    desk.spread()
    one, other = Scripted(), Scripted()

    class Meanwhile(Scripted):
        """The other courier has a round whenever this one sends."""

        def send(self, rows: Sequence[Document]) -> Outcome:
            desk.carrier(other).tick()
            return super().send(rows)

    for sender in (Meanwhile(), one):
        desk.carrier(sender).tick()

    assert desk.states() == ["sent"] * 30
    assert all(row["attempts"] == 1 for row in desk.rows())


def test_a_person_s_rows_are_one_courier_s_at_a_time(desk: Desk) -> None:
    """Else half of a storm would be told by the one and half by the other."""
    desk.person(1)
    desk.told(8, to=1)
    oldest = desk.rows()[0]
    desk.db.deliveries.update_one(
        {"_id": oldest["_id"]},
        {"$set": {"claimed_by": "another", "claimed_until": desk.now() + timedelta(minutes=1)}},
    )
    sender = Scripted()

    desk.carrier(sender).tick()

    assert sender.given == []


def test_tenants_are_kept_apart(desk: Desk) -> None:
    desk.person(1)
    desk.person(1, tenant="t2")
    desk.told(4, to=1)
    rows = desk.rows()
    for row in rows:
        desk.db.deliveries.insert_one(row | {"_id": f"t2/{row['id']}", "tenant_id": "t2", "valid": None})
    sender = Scripted()

    desk.carry(sender)

    assert all(len({row["tenant_id"] for row in rows}) == 1 for rows in sender.given)
    assert {rows[0]["person"]["tenant_id"] for rows in sender.given} == {TENANT, "t2"}
    assert all(rows[0]["person"]["tenant_id"] == rows[0]["tenant_id"] for rows in sender.given)


def test_a_claim_of_a_clock_that_was_set_back_since_holds_no_row(desk: Desk) -> None:
    desk.person(1)
    desk.told(2, to=1)
    an_hour_ahead = desk.now() + timedelta(hours=1)
    rows = [row["_id"] for row in desk.rows(channel="email")]
    claim = {"claimed_by": "dead", "claimed_until": an_hour_ahead}
    desk.db.deliveries.update_one({"_id": rows[0]}, {"$set": claim | {"state": "sending"}})
    desk.db.deliveries.update_one({"_id": rows[1]}, {"$set": claim})

    desk.carry(Scripted())

    assert desk.sweep(Scripted()) == 1
    assert sorted(desk.states("email")) == ["sent", "uncertain"]


def test_the_mail_of_a_tenant_does_not_wait_behind_the_flood_of_another(desk: Desk) -> None:
    for n in range(60):
        desk.person(n)
    desk.notice(desk.order(1), *map(ident, range(60)))
    desk.spread()
    desk.person(1, tenant="t2")
    late = desk.rows()[0] | {"_id": "t2/late", "tenant_id": "t2", "valid": None, "recipient": ident(1)}
    desk.db.deliveries.insert_one(late | {"due_at": desk.now()})
    sender = Scripted()
    carrier = desk.carrier(sender)

    for _ in range(2):
        carrier.tick()

    assert "t2" in {rows[0]["tenant_id"] for rows in sender.given}
