"""What once stood in the way for ever: faults outside a handler, deaths, and who waited for the dead."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from pymongo.errors import ServerSelectionTimeoutError

from adapters.commands.document import TargetQueue
from adapters.commands.unit_of_work import UnitOfWork
from adapters.mongo import client as mongo
from adapters.mongo.client import Document, Unavailable
from adapters.operators import dead_letters
from adapters.operators.audit import Act
from adapters.process.clock import SystemClock
from domain.assets.part import Part
from domain.entity import Entity
from tasks.command import handles
from tasks.work import Work
from tests.support.drains import Drains
from tests.support.patience import InThread
from tests.support.seeds import Seeds, new_id, user
from tests.support.trial import Make, OnPart, append
from workers.drain import pipeline
from workers.drain.batch import Chosen
from workers.drain.fate import BUG_ATTEMPTS
from workers.drain.pipeline import Pipeline
from workers.drain.prefetch import prefetch
from workers.drain.snapshot import Snapshot


def exhausted(seed: Seeds, drains: Drains, command: Document, *handlers: object) -> Document:
    """The command after as many attempts as it gets."""
    for _ in range(BUG_ATTEMPTS):
        drains.executor(*handlers).drain([(seed.tenant_id, command["target"])])
        drains.clock.push(timedelta(minutes=1))
    return seed.found(command)


def replay(seed: Seeds, command: Document) -> None:
    act = Act(
        id=new_id(),
        tenant_id=seed.tenant_id,
        user_id="an-operator",
        via="api",
        reason="mended",
        at=SystemClock().now(),
        request_id="call",
    )
    dead_letters.replay(seed.db, command["_id"], act)


def test_a_warning_for_a_purged_parent_does_not_block_the_line(seed: Seeds, drains: Drains) -> None:
    part_id = seed.part()
    sender = seed.accept("part.send", part_id=seed.part(), to_id=part_id, quantity=-5)
    drains.drain((seed.tenant_id, sender["target"]))
    seed.db.commands.delete_one({"_id": sender["_id"]})
    behind = seed.accept("part.append", part_id=part_id, text="x")

    drains.until_dry([seed.line(part_id)])

    assert seed.entity(part_id)["stock"] == -5
    assert seed.state(behind) == "applied"


def test_a_bug_in_what_a_spec_foresees_leaves_its_neighbours_untouched(seed: Seeds, drains: Drains) -> None:
    def broken(_: Any) -> list[tuple[type[Entity], str]]:
        raise RuntimeError("a bug of ours")

    @handles("part.foresee", permission=None, reads=broken)
    def foresee(cmd: OnPart, work: Work) -> None:
        part = work.load(Part)
        work.save(msgspec.structs.replace(part, name=f"{part.name}{cmd.part_id[:0]}f"))

    one, other = seed.parts(2)
    seeds = Seeds(seed.db, {**seed.catalogue, "part.foresee": foresee.__dict__["spec"]}, seed.tenant_id)
    foreseen = seeds.accept("part.foresee", part_id=one)
    neighbour = seeds.accept("part.append", part_id=other, text="x")

    drains.executor(foresee).drain([seed.line(one), seed.line(other)])

    assert [seed.state(command) for command in (foreseen, neighbour)] == ["applied", "applied"]


def test_a_fault_outside_the_handler_is_judged_and_hurts_its_own_command_alone(
    seed: Seeds, drains: Drains, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = seed.parts(2)
    cursed = seed.accept("part.append", part_id=one, text="x")
    innocent = seed.accept("part.append", part_id=other, text="x")

    def faulty(commands: list[Document], snapshot: Snapshot) -> None:
        if any(command["_id"] == cursed["_id"] for command in commands):
            raise RuntimeError("a bug of ours")
        prefetch(commands, snapshot)

    monkeypatch.setattr(pipeline, "prefetch", faulty)

    drains.executor().drain([seed.line(one), seed.line(other)])

    assert (seed.state(cursed), seed.state(innocent)) == ("retrying", "applied")
    assert exhausted(seed, drains, cursed)["state"] == "dead"


def test_a_user_stored_without_roles_is_nobody_and_no_poison(seed: Seeds, drains: Drains) -> None:
    seed.db.users.insert_one(
        {"_id": f"{seed.tenant_id}/bare", "tenant_id": seed.tenant_id, "id": "bare", "active": True}
    )
    part_id = seed.part()
    [command] = seed.accept_all(
        [seed.document("part.receive", {"part_id": part_id, "quantity": 1}, user_id="bare")]
    )

    drains.until_dry([seed.line(part_id)])

    assert seed.found(command)["error"]["code"] == "forbidden"


def test_a_replay_of_what_the_store_refused_meets_what_came_later(seed: Seeds, drains: Drains) -> None:
    @handles("part.append", permission=None, touches=("name",))
    def unwritable(cmd: OnPart, work: Work) -> None:
        part = work.load(Part)
        work.save(msgspec.structs.replace(part, name=f"{part.name}{cmd.part_id[:0]}old"))
        work.emit("part.unwritable", number=2**70)

    unwritable.__dict__["spec"] = msgspec.structs.replace(
        append.__dict__["spec"], handler=unwritable.__dict__["spec"].handler
    )
    part_id = seed.part()
    dead = seed.accept("part.append", part_id=part_id, text="old")
    stored = exhausted(seed, drains, dead, unwritable)
    assert (stored["state"], stored["died_at_version"]) == ("dead", 1)
    seed.accept("part.append", part_id=part_id, text="new")
    drains.until_dry([seed.line(part_id)])

    replay(seed, dead)
    drains.until_dry([seed.line(part_id)])

    assert seed.state(dead) == "conflict"
    assert seed.name(part_id) == "new"


def test_when_a_create_dies_who_waited_is_parked_and_returns_in_order_of_acceptance(
    seed: Seeds, drains: Drains
) -> None:
    absent, part_id = new_id(), seed.part()
    create = seed.accept("part.make", id=absent, name="n")
    seed.db.commands.update_one({"_id": create["_id"]}, {"$set": {"attempts": BUG_ATTEMPTS - 1}})
    waiter = seed.accept("part.append_behind", part_id=part_id, other_id=absent)
    behind = seed.accept("part.append", part_id=part_id, text="x")
    drains.until_dry([seed.line(part_id)])
    assert seed.state(waiter) == "accepted"

    @handles("part.make", permission=None)
    def buggy(cmd: OnPart, work: Work) -> None:
        raise RuntimeError(f"a bug of ours {cmd} {work.now}")

    buggy.__dict__["spec"] = msgspec.structs.replace(
        seed.catalogue["part.make"], handler=buggy.__dict__["spec"].handler
    )
    drained = drains.executor(buggy).drain([(seed.tenant_id, create["target"])])
    assert (seed.state(create), seed.state(waiter)) == ("dead", "parked")
    drains.until_dry(drained.again)
    assert seed.state(behind) == "applied"
    own = [seed.document("part.append", {"part_id": absent, "text": letter}) for letter in "abcd"]
    own.sort(
        key=lambda command: str(command["_id"]), reverse=True
    )  # as pods with other clocks would name them
    for command in own:
        seed.accept_all([command])
    drains.until_dry([seed.line(absent)])
    assert {seed.state(command) for command in own} == {"parked"}

    replay(seed, create)
    drains.until_dry([(seed.tenant_id, create["target"]), seed.line(part_id)])

    assert seed.name(absent) == "n" + "".join(command["payload"]["text"] for command in own)
    assert seed.name(part_id) == "xb"


def test_a_second_create_does_not_hide_the_first(seed: Seeds, drains: Drains) -> None:
    absent, part_id = new_id(), seed.part()
    create = seed.accept("part.make", id=absent)
    naming = seed.accept("part.append_behind", part_id=part_id, other_id=absent)
    seed.accept("part.make", id=absent)

    drains.until_dry([seed.line(part_id)])
    assert seed.found(naming)["after"] == [create["_id"]]

    drains.until_dry([(seed.tenant_id, create["target"]), seed.line(part_id)])
    assert seed.state(naming) == "applied"


def test_a_conflict_has_one_row_a_field_however_long_its_history(seed: Seeds, drains: Drains) -> None:
    part_id = seed.part()
    seed.accept_all([seed.document("part.append", {"part_id": part_id, "text": "x"}) for _ in range(60)])
    drains.until_dry([seed.line(part_id)])
    late = seed.document("part.append", {"part_id": part_id, "text": "y"}, base_version=0)
    seed.accept_all([late])

    drains.until_dry([seed.line(part_id)])

    stored = seed.found(late)
    assert stored["state"] == "conflict"
    assert [(row["path"], row["base"]) for row in stored["error"]["diff"]] == [("/name", "")]


def test_two_tenants_with_entities_of_one_id_do_not_meet_in_a_batch(seed: Seeds, drains: Drains) -> None:
    other = Seeds(seed.db, seed.catalogue, f"a{seed.tenant_id}")  # sorts first
    seed.db.users.insert_one(user(other.tenant_id))
    low, high = sorted(seed.parts(2))
    other.db.parts.insert_many(
        document | {"_id": f"{other.tenant_id}/{document['id']}", "tenant_id": other.tenant_id}
        for document in list(seed.db.parts.find({"tenant_id": seed.tenant_id}))
    )
    crowd = [other.document("part.append", {"part_id": low, "text": "x"}) for _ in range(250)]
    other.accept_all(crowd)
    mine = seed.accept("part.append", part_id=low, text="m")
    theirs = other.accept("part.append", part_id=high, text="t")

    drained = drains.drain(other.line(high), seed.line(low))

    assert (seed.state(mine), other.state(theirs)) == ("applied", "applied")
    assert {other.state(command) for command in crowd} == {"accepted"}, "their line was not asked for"
    assert drained.again == []


def test_who_waits_for_one_that_is_parked_is_parked_too_and_its_line_goes_on(
    seed: Seeds, drains: Drains
) -> None:
    root, branch = new_id(), new_id()
    first = seed.accept("asset.create", id=root, name="root", criticality="low")
    second = seed.accept("asset.create", id=branch, name="branch", criticality="low", parent_id=root)
    leaf = seed.accept("asset.create", name="leaf", criticality="low")
    drains.until_dry([(seed.tenant_id, leaf["target"])])
    leaf_id = leaf["target"].removeprefix("asset:")
    moved = seed.accept("asset.update", asset_id=leaf_id, parent_id=branch)
    renamed = seed.accept("asset.update", asset_id=leaf_id, name="leaves")
    drains.until_dry([(seed.tenant_id, second["target"])])
    drains.until_dry([(seed.tenant_id, leaf["target"])])
    assert [seed.state(command) for command in (second, moved, renamed)] == ["accepted"] * 3
    seed.db.commands.update_one({"_id": first["_id"]}, {"$set": {"attempts": BUG_ATTEMPTS - 1}})

    @handles("asset.create", permission=None)
    def buggy(cmd: Make, work: Work) -> None:
        raise RuntimeError(f"a bug of ours {cmd} {work.now}")

    buggy.__dict__["spec"] = msgspec.structs.replace(
        seed.catalogue["asset.create"], handler=buggy.__dict__["spec"].handler
    )
    drained = drains.executor(buggy).drain([(seed.tenant_id, first["target"])])
    drains.until_dry(drained.again)

    states = [seed.state(command) for command in (first, second, moved, renamed)]
    assert states == ["dead", "parked", "parked", "applied"]

    replay(seed, first)
    drains.until_dry([(seed.tenant_id, first["target"])])
    assert [seed.state(command) for command in (first, second, moved)] == ["applied"] * 3


def test_what_committed_is_told_though_a_later_batch_of_the_drain_failed(
    seed: Seeds, drains: Drains, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = sorted(seed.parts(2))
    commands = [seed.accept("part.append", part_id=part_id, text="x") for part_id in (one, other)]
    seed.db.commands.update_one({"_id": commands[1]["_id"]}, {"$set": {"suspect": True}})
    honest = Pipeline.prefetch

    def away(self: Pipeline, batch: Chosen) -> Chosen:
        if batch.ids[0] == commands[1]["_id"]:
            raise Unavailable("gone")
        return honest(self, batch)

    monkeypatch.setattr(Pipeline, "prefetch", away)

    drained = drains.drain(seed.line(one), seed.line(other))

    assert [verdict.command["_id"] for verdict in drained.verdicts] == [commands[0]["_id"]]
    assert isinstance(drained.failure, Unavailable)
    assert seed.state(commands[1]) == "accepted"


def test_what_is_behind_a_suspect_follows_it_at_once_and_waits_for_no_relay(
    seed: Seeds, drains: Drains
) -> None:
    part_id = seed.part()
    commands = [seed.accept("part.append", part_id=part_id, text=text) for text in "abcde"]
    lost = [command["_id"] for command in commands[:3]]
    seed.db.commands.update_many({"_id": {"$in": lost}}, {"$set": {"suspect": True}})

    drained = drains.drain(seed.line(part_id))

    assert [verdict.command["_id"] for verdict in drained.verdicts] == [
        command["_id"] for command in commands
    ]
    assert seed.name(part_id) == "abcde"


def test_a_suspect_has_its_process_to_itself_until_it_has_committed(seed: Seeds, drains: Drains) -> None:
    solo, writing, go_on = threading.Lock(), threading.Event(), threading.Event()

    class Held(UnitOfWork):
        def write(self, *args: Any, **more: Any) -> list[TargetQueue]:
            writing.set()
            assert go_on.wait(20)
            return super().write(*args, **more)

    part_id = seed.part()
    command = seed.accept("part.append", part_id=part_id, text="a")
    seed.db.commands.update_one({"_id": command["_id"]}, {"$set": {"suspect": True}})
    uow = Held(drains.mongo, drains.database, drains.catalogue, worker=new_id(), slot=0)
    slot = drains.executor(uow=uow, solo=solo)

    run = InThread(lambda: slot.drain([seed.line(part_id)]))
    assert writing.wait(20)
    is_alone = solo.locked()
    go_on.set()
    run.result()

    assert is_alone
    assert not solo.locked()
    assert seed.state(command) == "applied"


def test_an_outage_is_no_contention() -> None:
    # The driver gives it the label that asks to repeat the transaction at once.
    error = ServerSelectionTimeoutError("nobody")
    error._add_error_label("TransientTransactionError")

    assert isinstance(mongo.translate(error), Unavailable)
