"""Sentences 5 and 6: what the order of acceptance is, what it is not, and who may wait for whom."""

from __future__ import annotations

from typing import Any

import pytest
from bson.timestamp import Timestamp
from pymongo import MongoClient

from adapters.commands.document import FINAL
from adapters.mongo.client import TRANSACTION, Document
from tests.support.drains import Drains
from tests.support.patience import InThread
from tests.support.seeds import Seeds, new_id

# -- 5: seq -------------------------------------------------------------------------------------------------


def test_the_server_numbers_commands_in_the_order_of_their_insertion(seed: Seeds) -> None:
    part_id = seed.part()

    documents = [seed.document("part.append", {"part_id": part_id, "text": "x"}) for _ in range(300)]
    seed.accept_all(documents)

    stored = seed.db.commands.find({"tenant_id": seed.tenant_id}).sort("seq", 1)
    seqs = [command["seq"] for command in stored]
    assert len(set(seqs)) == 300
    assert seqs[0] > Timestamp(0, 0)
    assert [command["_id"] for command in stored.rewind()] == [document["_id"] for document in documents]


def test_a_command_that_appears_behind_a_later_one_is_applied_all_the_same(
    seed: Seeds, drains: Drains, house: MongoClient[Any]
) -> None:
    """A transaction's insert takes its seq early and appears at commit."""
    part_id = seed.part()
    early = seed.document("part.append", {"part_id": part_id, "text": "early"})

    with house.start_session() as session:
        session.start_transaction(**TRANSACTION)
        seed.db.commands.insert_one(early, session=session)
        late = seed.accept("part.append", part_id=part_id, text="late,")
        drains.until_dry([seed.line(part_id)])
        assert seed.state(late) == "applied"
        session.commit_transaction()

    assert seed.found(early)["seq"] < seed.found(late)["seq"], "so it was: the premise of this test"
    drains.until_dry([seed.line(part_id)])
    assert seed.state(early) == "applied"
    assert seed.name(part_id) == "late,early"


def test_what_comes_back_to_its_line_gets_a_seq_from_the_server_at_the_end(
    seed: Seeds, drains: Drains
) -> None:
    absent, part_id = new_id(), seed.part()
    create = seed.accept("part.make", id=absent)
    parked = seed.accept("part.append_behind", part_id=part_id, other_id=absent)
    seed.db.commands.update_one({"_id": create["_id"]}, {"$set": {"state": "parked"}})
    drains.until_dry([seed.line(part_id)])
    assert seed.state(parked) == "parked"
    passing = seed.accept("part.append", part_id=part_id, text="a")

    seed.db.commands.update_one({"_id": create["_id"]}, {"$set": {"state": "accepted"}})
    drains.until_dry([seed.line(absent)])

    assert seed.found(parked)["seq"] > seed.found(passing)["seq"] > Timestamp(0, 0)
    assert seed.name(part_id) == "ab", "the woken line was drained, in its new order"


# -- 6: waiting ---------------------------------------------------------------------------------------------


def waiting(seed: Seeds, drains: Drains) -> tuple[Document, Document, str]:
    """(a create on its way, a command on another line that waits for it, that other line's part)."""
    absent, part_id = new_id(), seed.part()
    create = seed.accept("part.make", id=absent)
    waiter = seed.accept("part.append_behind", part_id=part_id, other_id=absent)
    drains.until_dry([seed.line(part_id)])
    stored = seed.found(waiter)
    assert (stored["state"], stored["after"]) == ("accepted", [create["_id"]])
    return create, waiter, part_id


def test_a_command_waits_for_the_create_it_names_and_its_line_waits_with_it(
    seed: Seeds, drains: Drains
) -> None:
    create, waiter, part_id = waiting(seed, drains)
    behind = seed.accept("part.append", part_id=part_id, text="c")
    drains.until_dry([seed.line(part_id)])
    assert [seed.state(command) for command in (waiter, behind)] == ["accepted", "accepted"]

    drained = drains.drain((seed.tenant_id, create["target"]))

    assert seed.line(part_id) in drained.again, "the ending wakes the line"
    drains.until_dry(drained.again)
    assert [seed.state(command) for command in (create, waiter, behind)] == ["applied"] * 3
    assert seed.name(part_id) == "bc"
    assert seed.found(waiter)["attempts"] == 1, "waiting is no attempt"


@pytest.mark.parametrize("ending", ["refused", "by a person gone"])
def test_any_ending_but_dead_releases_who_waits(seed: Seeds, drains: Drains, ending: str) -> None:
    create, waiter, _ = waiting(seed, drains)
    if ending == "refused":  # made meanwhile by somebody else, and gone again
        seed.db.commands.update_one({"_id": create["_id"]}, {"$set": {"payload.name": 7}})
    else:
        seed.db.commands.update_one({"_id": create["_id"]}, {"$set": {"origin.user_id": "nobody"}})

    drains.until_dry([(seed.tenant_id, create["target"])])

    assert seed.state(create) == "rejected"
    stored = seed.found(waiter)
    assert (stored["state"], stored["error"]["code"]) == ("rejected", "unknown_part")
    assert "after" not in stored


def test_who_names_what_is_nowhere_on_its_way_is_refused_at_once(seed: Seeds, drains: Drains) -> None:
    part_id = seed.part()
    lost = seed.accept("part.append_behind", part_id=part_id, other_id=new_id())
    after_it = seed.accept("part.append", part_id=part_id, text="x")

    drains.until_dry([seed.line(part_id)])

    assert seed.found(lost)["error"]["code"] == "unknown_part"
    assert [seed.state(command) for command in (lost, after_it)] == ["rejected", "applied"]


def test_behind_a_dead_create_a_command_is_parked_and_lines_pass_it(seed: Seeds, drains: Drains) -> None:
    create, waiter, _ = waiting(seed, drains)
    seed.db.commands.update_one(
        {"_id": create["_id"]}, {"$set": {"state": "dead"}, "$unset": {"active": "", "next_at": ""}}
    )
    late = seed.accept(
        "part.append_behind", part_id=seed.part(), other_id=create["target"].removeprefix("part:")
    )

    drains.until_dry([(seed.tenant_id, late["target"])])

    stored = seed.found(late)
    assert (stored["state"], stored["active"], stored["after"]) == ("parked", True, [create["_id"]])
    assert seed.state(waiter) == "accepted", "dead releases nobody"
    passing = seed.accept("part.append", part_id=late["target"].removeprefix("part:"), text="x")
    drains.until_dry([(seed.tenant_id, late["target"])])
    assert seed.state(passing) == "applied"


def test_a_live_create_is_waited_for_however_many_before_it_have_died(seed: Seeds, drains: Drains) -> None:
    part_id, other_id = seed.part(), new_id()
    dead = [seed.accept("part.create", id=other_id, name="n", unit="pc") for _ in range(11)]
    seed.db.commands.update_many(
        {"_id": {"$in": [command["_id"] for command in dead]}},
        {"$set": {"state": "dead"}, "$unset": {"active": "", "next_at": ""}},
    )
    live = seed.accept("part.create", id=other_id, name="n", unit="pc")
    waiter = seed.accept("part.append_behind", part_id=part_id, other_id=other_id)

    drains.drain(seed.line(part_id))

    assert (seed.state(waiter), seed.found(waiter)["after"]) == ("accepted", [live["_id"]])


def test_two_creates_that_name_each_other_do_not_wait_for_ever(seed: Seeds, drains: Drains) -> None:
    one, other = new_id(), new_id()
    first = seed.accept("asset.create", id=one, name="one", criticality="low", parent_id=other)
    second = seed.accept("asset.create", id=other, name="other", criticality="low", parent_id=one)

    drains.until_dry([(seed.tenant_id, command["target"]) for command in (first, second)])

    assert [seed.state(command) in FINAL for command in (first, second)] == [True, True]


def test_a_command_before_its_own_create_is_refused_instead_of_blocking_it(
    seed: Seeds, drains: Drains
) -> None:
    part_id = new_id()
    hasty = seed.accept("part.append", part_id=part_id, text="x")
    create = seed.accept("part.make", id=part_id)

    drains.until_dry([seed.line(part_id)])

    assert [seed.state(command) for command in (hasty, create)] == ["rejected", "applied"]


def test_no_wake_up_is_lost_between_a_create_that_ends_and_one_that_starts_to_wait(
    seed: Seeds, drains: Drains
) -> None:
    for _ in range(8):
        absent, part_id = new_id(), seed.part()
        create = seed.accept("part.make", id=absent)
        waiter = seed.accept("part.append_behind", part_id=part_id, other_id=absent)

        lines = [seed.line(absent), seed.line(part_id)]
        for thread in [InThread(lambda line=line: drains.until_dry([line])) for line in lines]:  # type: ignore[misc]
            thread.result()

        assert [seed.state(command) for command in (create, waiter)] == ["applied", "applied"]
