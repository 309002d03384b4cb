"""The reference client, answer by answer: what it keeps, sends again, shows, and gives up.

b14: what the queue of the system before this one did wrong. Each such test would have failed there.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.process.clock import SystemClock
from bench.device.client import FAILURES, Client
from bench.device.outbox import Outbox
from bench.device.wire import Answer, NoAnswer, Request
from tests.convergence.field import PushedTime
from tests.support.seeds import new_id

LANE, OTHER = f"work_order:{new_id()}", f"work_order:{new_id()}"
Json = dict[str, Any]


class Server:
    """Answers as it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.batches: list[list[Json]] = []
        self.says: Callable[[list[Json]], Answer] = accepts
        self.receipts: list[Json] = []

    def __call__(self, request: Request) -> Answer:
        if request.method == "GET":
            return Answer(status=200, body=msgspec.json.encode({"items": self.receipts}))
        self.batches.append(msgspec.json.decode(request.body)["actions"])
        return self.says(self.batches[-1])


def results(*verdicts: Json) -> Answer:
    told = {"server_time": SystemClock().now(), "results": verdicts}
    return Answer(status=202, body=msgspec.json.encode(told))


def accepts(actions: list[Json]) -> Answer:
    return results(*({"id": a["id"], "status": "accepted", "command_id": f"c-{a['id']}"} for a in actions))


class Phone:
    def __init__(self, file: Path) -> None:
        self.file, self.server, self.time = file, Server(), PushedTime()
        self.client = self.started()

    def started(self) -> Client:
        return Client(
            Outbox(self.file),
            self.server,
            device_id="d1",
            clock=self.time,
            chance=random.Random(3),
            new_id=new_id,
        )

    def comments(self, *texts: str, lane: str = LANE) -> list[str]:
        return [self.client.do("work_order.comment.add", lane, {"text": text}) for text in texts]

    def syncs(self, times: int = 20) -> None:
        """As long as something is due, however long it has to wait."""
        for _ in range(times):
            if (wait_s := self.client.step()) is None:
                return
            self.time.sleep(wait_s)

    def sent(self) -> list[list[tuple[str, int]]]:
        return [
            [(a["type"].rpartition(".")[2], a["lane_seq"]) for a in batch] for batch in self.server.batches
        ]

    def shown(self, *ids: str) -> list[str]:
        return [": ".join(part for part in self.client.shown(id) if part) for id in ids]


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    return Phone(tmp_path / "outbox.db")


def test_b14_what_was_done_survives_the_process_and_is_sent_under_the_same_ids(phone: Phone) -> None:
    def lost(_: list[Json]) -> Answer:
        raise NoAnswer

    phone.server.says = lost
    ids = phone.comments("one", "two")
    phone.client.step()
    assert phone.shown(*ids) == ["Retrying", "Retrying"]

    phone.client.outbox.close()
    phone.client = phone.started()
    assert phone.shown(*ids) == ["Pending", "Pending"]
    phone.server.says = accepts
    phone.client.step()

    first, second = phone.server.batches
    assert [a["id"] for a in first] == [a["id"] for a in second] == ids
    assert phone.shown(*ids) == ["Syncing", "Syncing"]


def test_an_outcome_that_has_not_come_is_asked_for(phone: Phone) -> None:
    (one, two) = phone.comments("one", "two")
    phone.client.step()
    refused = {"code": "locked_period", "message": "its books are closed"}
    phone.server.receipts = [
        {"command_id": f"c-{one}", "state": "applied"},
        {"command_id": f"c-{two}", "state": "parked", "error": refused},
    ]

    phone.syncs(3)

    assert phone.shown(one, two) == ["Done", "Failed: parked: locked_period"]


def test_a_server_that_has_forgotten_an_action_gets_it_again(phone: Phone) -> None:
    phone.comments("one")
    phone.client.step()

    phone.syncs(3)

    assert phone.sent() == [[("add", 1)], [("add", 1)]]


def test_a_number_that_is_no_longer_kept_is_filled_with_a_tombstone(phone: Phone) -> None:
    first, _, _ = phone.comments("one", "two", "three")
    phone.client.outbox.forget([first])
    phone.server.says = lambda actions: results(
        *({"id": a["id"], "status": "out_of_order", "expected_lane_seq": 1} for a in actions)
    )
    phone.client.step()
    phone.server.says = accepts
    phone.client.step()

    assert phone.sent()[-1] == [("discard", 1), ("add", 2), ("add", 3)]


def test_numbers_that_another_store_of_the_device_has_used_are_passed_over(phone: Phone) -> None:
    phone.comments("one", "two")
    phone.server.says = lambda actions: results(
        *({"id": a["id"], "status": "out_of_order", "expected_lane_seq": 8} for a in actions)
    )
    phone.client.step()
    phone.server.says = accepts
    phone.comments("three")
    phone.client.step()

    assert phone.sent()[-1] == [("add", 8), ("add", 9), ("add", 10)]


def test_an_id_that_was_used_otherwise_leaves_its_number_to_a_tombstone(phone: Phone) -> None:
    (one,) = phone.comments("one")
    phone.server.says = lambda actions: results(
        *({"id": a["id"], "status": "rejected", "code": "id_reused"} for a in actions)
    )
    phone.client.step()
    phone.server.says = accepts
    phone.client.step()

    assert phone.shown(one) == ["Failed: unsendable: id_reused"]
    assert phone.sent()[-1] == [("discard", 1)]
    assert phone.server.batches[-1][0]["id"] != one


def test_what_is_given_up_goes_as_a_tombstone_under_its_own_id_and_number(phone: Phone) -> None:
    one, two = phone.comments("one", "two")
    phone.client.discard(one)
    phone.client.step()

    assert phone.sent() == [[("discard", 1), ("add", 2)]]
    assert [a["id"] for a in phone.server.batches[0]] == [one, two]


def test_a_lane_that_the_server_cannot_take_yet_waits_while_others_go_on(phone: Phone) -> None:
    def knows_one_lane(actions: list[Json]) -> Answer:
        later = {"status": "retry_later", "code": "unknown_type"}
        return results(
            *(
                {"id": a["id"]} | (later if a["lane"] == LANE else {"status": "accepted", "command_id": "c"})
                for a in actions
            )
        )

    (new,) = phone.comments("one")
    phone.server.says = knows_one_lane
    phone.client.step()
    (known,) = phone.comments("two", lane=OTHER)
    phone.client.step()

    assert phone.shown(new, known) == ["Retrying", "Syncing"]
    assert phone.sent() == [[("add", 1)], [("add", 1)]]
    assert phone.server.batches[1][0]["lane"] == OTHER


def test_what_follows_an_action_that_waits_for_a_newer_server_waits_with_it(phone: Phone) -> None:
    def older(actions: list[Json]) -> Answer:
        later = {"id": actions[0]["id"], "status": "retry_later", "code": "unknown_version"}
        behind = {"status": "out_of_order", "expected_lane_seq": actions[0]["lane_seq"]}
        return results(later, *({"id": a["id"]} | behind for a in actions[1:]))

    phone.comments("one", "two")
    phone.server.says = older
    phone.client.step()

    assert (phone.client.step() or 0) > 0
    assert len(phone.server.batches) == 1, "it is not sent again at once, for ever"


def test_b14_what_has_failed_is_not_sent_again_for_ever(phone: Phone) -> None:
    (one,) = phone.comments("one")
    phone.server.says = lambda actions: results(
        *(
            {"id": a["id"], "status": "rejected", "code": "invalid_payload", "command_id": "c"}
            for a in actions
        )
    )

    phone.syncs(50)

    assert len(phone.server.batches) == 1
    assert phone.shown(one) == ["Failed: rejected: invalid_payload"]


def test_b14_what_was_done_to_one_entity_goes_in_its_order_and_nothing_old_is_dropped(phone: Phone) -> None:
    ids = phone.comments(*(str(n) for n in range(1_200)))

    for _ in range(24):
        phone.client.step()

    sent = [action for batch in phone.server.batches for action in batch]
    assert [action["id"] for action in sent] == ids
    assert [action["lane_seq"] for action in sent] == list(range(1, 1_201))


@pytest.mark.parametrize("status", [401, 403, 426])
def test_who_may_not_send_keeps_the_queue_until_told_to_go_on(phone: Phone, status: int) -> None:
    (one,) = phone.comments("one")
    phone.server.says = lambda _: Answer(status=status)
    phone.syncs()
    assert len(phone.server.batches) == 1
    assert phone.shown(one) == ["Pending"]

    phone.server.says = accepts
    phone.client.resume()
    phone.client.step()

    assert phone.shown(one) == ["Syncing"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(phone: Phone, status: int) -> None:
    phone.comments("one")
    phone.server.says = lambda _: Answer(status=status, retry_after_s=90)

    wait_s = phone.client.step()

    assert wait_s is not None
    assert 90 <= wait_s <= 92
    phone.client.step()
    assert len(phone.server.batches) == 1


def test_a_batch_that_is_too_large_is_halved(phone: Phone) -> None:
    phone.comments(*map(str, range(9)))
    phone.server.says = lambda actions: accepts(actions) if len(actions) < 4 else Answer(status=413)

    phone.syncs(4)

    assert [len(batch) for batch in phone.server.batches] == [9, 4, 2, 4]


def test_the_one_at_which_the_server_fails_is_found_and_other_lanes_go_on(phone: Phone) -> None:
    phone.comments("fine")
    (bad, behind) = phone.comments("poison", "behind", lane=OTHER)
    (more,) = phone.comments("more")
    phone.server.says = lambda actions: (
        Answer(status=500) if any(a["payload"]["text"] == "poison" for a in actions) else accepts(actions)
    )

    phone.syncs(8 * FAILURES)

    assert phone.shown(bad, behind, more) == ["Failed: unsendable: http_500", "Pending", "Syncing"]
    phone.server.says = accepts
    phone.client.discard(bad)
    phone.client.step()
    assert phone.sent()[-1] == [("discard", 1), ("add", 2)]


def test_b14_it_tries_again_by_itself_with_full_jitter_up_to_five_minutes(phone: Phone) -> None:
    def lost(_: list[Json]) -> Answer:
        raise NoAnswer

    phone.server.says = lost
    phone.comments("one")
    waits = []
    for _ in range(40):
        wait_s = phone.client.step()
        assert wait_s is not None
        waits.append(wait_s)
        phone.time.sleep(wait_s)

    assert all(wait_s <= min(300, 2 * 2**n) for n, wait_s in enumerate(waits))
    assert max(waits) > 150
    assert min(waits[8:]) < 100


def test_ways_out_of_a_conflict_are_actions_of_the_same_lane_that_name_it(phone: Phone) -> None:
    (one,) = phone.comments("one")
    phone.client.step()

    phone.client.decide(one, "take_server")
    phone.client.decide(one, "send_to_planner")
    phone.client.reapply(one, base_version=7)
    phone.client.step()

    told = [
        (a["type"], a["resolves"], a["lane_seq"], a.get("base_version")) for a in phone.server.batches[-1]
    ]
    assert told == [
        ("conflict.take_server", one, 2, None),
        ("conflict.send_to_planner", one, 3, None),
        ("work_order.comment.add", one, 4, 7),
    ]


def test_a_batch_holds_fifty_actions_and_256_kib(phone: Phone) -> None:
    phone.comments(*("x" * 9_000 for _ in range(40)), *("y" for _ in range(60)))

    phone.syncs(3)

    sizes = [len(batch) for batch in phone.server.batches]
    assert sizes[0] < 30
    assert max(sizes) == 50
    assert sum(sizes) == 100
