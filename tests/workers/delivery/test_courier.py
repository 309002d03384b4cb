"""The courier's threads, from a notice to the outside and back into the ledger."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import uuid4

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
