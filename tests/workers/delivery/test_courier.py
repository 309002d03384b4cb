"""The courier's threads, from a notice to the outside and back into the ledger."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import uuid4

import pytest

from adapters.delivery.outcomes import Outcome, Sender, Sent
from adapters.process.clock import SystemClock
from tests.support.delivery_desk import Desk, Document, Scripted, ident
from tests.support.patience import eventually
from workers.delivery.courier import Courier


@contextmanager
def couriers(desk: Desk, *senders: Sender) -> Iterator[Courier]:
    made = Courier(
        desk.db,
        senders,
        mail_configured=True,
        now=desk.now,
        new_token=lambda: uuid4().hex,
        monotonic=SystemClock().monotonic,
        chance=random.Random(1),
        metrics=desk.metrics,
    )
    made.start()
    try:
        yield made
    finally:
        made.stop()


def test_a_notice_is_spread_and_sent_while_the_courier_lives(desk: Desk) -> None:
    desk.notice(desk.order(1), desk.person(1))
    sender = Scripted()

    with couriers(desk, sender) as courier:
        eventually(lambda: desk.states() == ["sent"], within_s=10)
        lived = courier.is_alive()

    assert lived
    assert not courier.is_alive()
    assert [rows[0]["person"]["name"] for rows in sender.given] == ["Person 1"]


def test_who_is_told_to_stop_ends_the_message_in_hand_and_lets_go_of_the_rest(desk: Desk) -> None:
    sending, go_on = threading.Event(), threading.Event()

    class Slow(Scripted):
        def send(self, rows: Sequence[Document]) -> Outcome:
            super().send(rows)
            sending.set()
            assert go_on.wait(10)
            return Sent()

    for n in range(5):
        desk.person(n)
    desk.notice(desk.order(1), *map(ident, range(5)))

    with couriers(desk, Slow()) as courier:
        assert sending.wait(10)
        stopping = threading.Thread(target=courier.stop)
        stopping.start()
        eventually(courier._stopped.is_set, within_s=5)
        go_on.set()
        stopping.join(10)

    assert sorted(desk.states()) == ["pending"] * 4 + ["sent"]
    assert not any("claimed_by" in row for row in desk.rows())


class Silent(Scripted):
    """Webhooks of tenant `slow` are answered only when one of another tenant has arrived."""

    threads = 8
    collapses = False

    def __init__(self) -> None:
        super().__init__(channel="webhook", repeatable=True)
        self.other_came = threading.Event()

    def send(self, rows: Sequence[Document]) -> Outcome:
        if rows[0]["tenant_id"] == "slow":
            assert self.other_came.wait(20)
        else:
            self.other_came.set()
        return super().send(rows)


@pytest.mark.parametrize("endpoints", [1, 500])
def test_slow_endpoints_of_one_tenant_keep_no_other_tenants_waiting(desk: Desk, endpoints: int) -> None:
    hook = {"channel": "webhook", "state": "pending", "due_at": desk.now(), "about": "work_order:1"}
    more = {"critical": False, "attempts": 0, "valid": None, "created_at": desk.now()}
    rows = [("slow", f"hook {n % endpoints}", n) for n in range(1_000)] + [("zoo", "one", 1_000)]
    desk.db.deliveries.insert_many(
        {"_id": f"{tenant}/{n}", "id": f"{n:032}", "tenant_id": tenant, "recipient": hook_id} | hook | more
        for tenant, hook_id, n in rows
    )
    sender = Silent()

    with couriers(desk, sender):
        assert sender.other_came.wait(20)
        eventually(lambda: len(sender.given) > 20, within_s=20)


def test_endpoints_of_one_tenant_take_turns(desk: Desk) -> None:
    sender = Scripted(channel="webhook")
    sender.collapses = False
    hook = {"channel": "webhook", "state": "pending", "due_at": desk.now(), "about": "work_order:1"}
    more = {"critical": False, "attempts": 0, "valid": None, "created_at": desk.now(), "tenant_id": "t"}
    desk.db.deliveries.insert_many(
        {"_id": f"t/{n}", "id": f"{n:032}", "recipient": "busy" if n < 100 else "calm"} | hook | more
        for n in range(101)
    )
    carrier = desk.carrier(sender)

    for _ in range(2):
        carrier.tick()

    assert "calm" in {rows[0]["recipient"] for rows in sender.given}
