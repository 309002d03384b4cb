"""A follow-up that makes its own entity is applied with its parent, and has all that a command has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from adapters.commands import Key, Origin
from adapters.heads import PER_BATCH
from adapters.hints import Line
from adapters.mongo import Document
from domain.errors import Rejected, Transient
from domain.part import Part
from tasks.command import Payload, handles
from tasks.work import Work
from tests.support.drains import Drains
from tests.support.patience import InThread
from tests.support.seeds import Seeds, new_id
from tests.support.trial import NOT_IN_BSON, OnPart, spec_of

Make = Callable[["Child", Work], None]


class Bear(OnPart, frozen=True, kw_only=True):
    """Asks for parts of these ids, each of which asks for one more of the ids behind `then`."""

    children: tuple[str, ...]
    then: tuple[str, ...] = ()


class Child(Payload, frozen=True, kw_only=True):
    id: str | None = None
    then: tuple[str, ...] = ()


@handles("part.bear", permission=None)
def bear(cmd: Bear, work: Work) -> None:
    work.load(Part)
    for child in cmd.children:
        work.follow_up("part.be_born", {"id": child, "then": list(cmd.then)}, step=child)


@handles("part.be_born", permission=None, internal=True, numbered=True)
def be_born(cmd: Child, work: Work) -> None:
    work.save(Part(id=work.target_id, name=str(work.number()), unit="piece", created_at=work.now))
    work.emit("part.born", name="child")
    work.warn("a_child", "somebody was born")
    for other in cmd.then:
        work.follow_up("part.be_born", {"id": other}, step=other)


def failing(error: Callable[[], Exception]) -> Make:
    @handles("part.be_born", permission=None, internal=True)
    def fails(cmd: Child, work: Work) -> None:
        work.save(Part(id=work.target_id, name=cmd.id or "", unit="piece", created_at=work.now))
        raise error()

    return fails


@handles("part.be_born", permission=None, internal=True)
def unwritable(cmd: Child, work: Work) -> None:  # noqa: ARG001
    work.save(Part(id=work.target_id, name="", unit="piece", created_at=work.now))
    work.emit("part.born", number=NOT_IN_BSON)


def asked(seed: Seeds, drains: Drains, *children: str, then: tuple[str, ...] = ()) -> Document:
    """An accepted command that is going to ask for these."""
    drains.catalogue = {**drains.catalogue, "part.bear": spec_of(bear), "part.be_born": spec_of(be_born)}
    seed.catalogue = drains.catalogue
    return seed.accept("part.bear", part_id=seed.part(), children=list(children), then=list(then))


def line_of(command: Document) -> Line:
    return command["tenant_id"], command["target"]


def follow_ups(seed: Seeds) -> list[Document]:
    query = {"tenant_id": seed.tenant_id, "origin.via": "follow_up"}
    return list(seed.db.commands.find(query).sort("seq", 1))


def test_it_is_applied_in_its_parents_commit_and_leaves_what_every_command_leaves(
    seed: Seeds, drains: Drains
) -> None:
    ordinary, inlined = new_id(), new_id()
    parent = asked(seed, drains, inlined)
    alone = seed.document("part.be_born", {"id": ordinary}, origin=Origin(via="follow_up"))
    seed.accept_all([alone])
    drains.drain((seed.tenant_id, f"part:{ordinary}"))

    drained = drains.drain(line_of(parent))

    [command] = [row for row in follow_ups(seed) if row["_id"] != alone["_id"]]
    stored = seed.found(parent)
    assert (stored["state"], stored["follow_ups"]) == ("applied", 1)
    assert command["origin"]["parent"] == parent["_id"]
    assert [row["code"] for row in stored["warnings"]] == ["a_child"], "told to the parent too"
    assert seed.entity(inlined)["version"] == 1
    like = seed.found(alone)
    assert command.keys() == like.keys(), "whoever reads it cannot tell"
    same = ("state", "attempts", "events", "warnings", "schema_version")
    assert [command[name] for name in same] == [like[name] for name in same]
    assert [row["state"] for row in command["history"]] == ["applied"]
    assert command["seq"].time, "the server gave it its place"
    [told] = seed.db.events.find({"tenant_id": seed.tenant_id, "command_id": command["_id"]})
    assert (told["_id"], told["type"], told["version"]) == (f"{command['_id']}:0", "part.born", 1)
    assert told["root"] == parent["_id"]
    assert (drained.again, drained.accepted) == ([], {"part.be_born": 1})
    assert drained.states == {("part.bear", "applied"): 1, ("part.be_born", "applied"): 1}


def test_what_it_asks_for_is_applied_with_it_and_warns_it(seed: Seeds, drains: Drains) -> None:
    child, grandchild = new_id(), new_id()
    parent = asked(seed, drains, child, then=(grandchild,))

    drained = drains.drain(line_of(parent))

    first, second = follow_ups(seed)
    assert [row["state"] for row in (first, second)] == ["applied", "applied"]
    assert (first["follow_ups"], second["origin"]["parent"]) == (1, first["_id"])
    assert [row["code"] for row in first["warnings"]] == ["a_child", "a_child"], "its own, and its child's"
    assert {seed.name(child), seed.name(grandchild)} == {"1", "2"}
    assert not drained.again


@pytest.mark.parametrize(
    ("handler", "state", "code"),
    [
        (failing(lambda: Rejected("no", "the business says no")), "rejected", "no"),
        (failing(lambda: Transient("something outside is down")), "retrying", "unavailable"),
        (failing(lambda: RuntimeError("a bug of ours")), "retrying", "internal_error"),
        (unwritable, "retrying", "internal_error"),
    ],
)
def test_one_that_does_not_apply_leaves_its_parent_applied_and_is_judged_by_itself(
    seed: Seeds, drains: Drains, handler: Any, state: str, code: str
) -> None:
    child = new_id()
    parent = asked(seed, drains, child)
    executor = drains.executor(handler)

    drained = executor.drain([line_of(parent)])

    [command] = follow_ups(seed)
    assert (seed.state(parent), seed.found(parent)["attempts"]) == ("applied", 1)
    assert (command["state"], command["attempts"], command["active"]) == ("accepted", 0, True)
    assert drained.again == [(seed.tenant_id, f"part:{child}")]
    assert (drained.accepted, len(drained.verdicts)) == ({"part.be_born": 1}, 1)
    executor.drain(drained.again)
    [judged] = follow_ups(seed)
    assert (judged["state"], judged["error"]["code"], judged["attempts"]) == (state, code, 1)
    assert not seed.db.parts.find_one({"_id": f"{seed.tenant_id}/{child}"})


def test_what_is_known_already_is_not_run_again(seed: Seeds, drains: Drains) -> None:
    child = new_id()
    parent = asked(seed, drains, child)
    earlier = seed.document("part.be_born", {"id": new_id()}, origin=Origin(via="follow_up"))
    earlier["idempotency"] = msgspec.to_builtins(Key("follow_up", f"{parent['_id']}:{child}", "f" * 64))
    seed.accept_all([earlier])

    drained = drains.drain(line_of(parent))

    assert seed.state(parent) == "applied"
    assert [row["_id"] for row in follow_ups(seed)] == [earlier["_id"]]
    assert not drained.accepted
    assert not seed.db.parts.find_one({"_id": f"{seed.tenant_id}/{child}"})


def test_it_waits_behind_what_is_in_its_line_and_never_meets_an_entity_that_is_there(
    seed: Seeds, drains: Drains
) -> None:
    awaited, existing = new_id(), seed.part(name="was here")
    parent = asked(seed, drains, awaited, existing)
    ahead = seed.accept("part.append", part_id=awaited, text="x")

    drained = drains.drain(line_of(parent))

    assert [row["state"] for row in follow_ups(seed)] == ["accepted", "accepted"]
    drains.until_dry(drained.again)
    assert seed.state(ahead) == "rejected", "it came before the create"
    assert seed.entity(awaited)["version"] == 1


def test_of_two_in_one_line_neither_overtakes_the_other(seed: Seeds, drains: Drains) -> None:
    child = new_id()
    first, second = asked(seed, drains, child), asked(seed, drains, child)

    drained = drains.drain(line_of(first), line_of(second))

    assert [row["state"] for row in follow_ups(seed)] == ["accepted", "accepted"]
    drains.until_dry(drained.again)
    assert [row["state"] for row in follow_ups(seed)] == ["applied", "applied"]
    assert seed.entity(child)["version"] == 2


def test_no_more_are_applied_with_their_parent_than_a_batch_may_hold(seed: Seeds, drains: Drains) -> None:
    children = [new_id() for _ in range(PER_BATCH + 7)]
    parent = asked(seed, drains, *children)

    drained = drains.drain(line_of(parent))

    states = [row["state"] for row in follow_ups(seed)]
    assert (states.count("applied"), states.count("accepted")) == (PER_BATCH, 7)
    assert drained.accepted == {"part.be_born": PER_BATCH + 7}
    drains.until_dry(drained.again)
    numbers = {int(seed.name(child)) for child in children}
    assert len(numbers) == len(children), "each has a number of its own"


def test_a_suspect_runs_without_them_lest_it_be_blamed_for_their_deaths(seed: Seeds, drains: Drains) -> None:
    parent = asked(seed, drains, new_id())
    seed.db.commands.update_one({"_id": parent["_id"]}, {"$set": {"suspect": True}})

    drains.drain(line_of(parent))

    assert (seed.state(parent), [row["state"] for row in follow_ups(seed)]) == ("applied", ["accepted"])


def test_drains_that_contend_apply_each_once(seed: Seeds, drains: Drains) -> None:
    children = [new_id() for _ in range(60)]
    parents = [asked(seed, drains, child) for child in children]
    lines = [line_of(parent) for parent in parents]
    active = {"tenant_id": seed.tenant_id, "active": True}

    def drain_for_ever(chance: int) -> None:
        executor = drains.executor(chance=chance)
        while seed.db.commands.find_one(active):
            executor.drain(lines[chance * 20 :] + lines[: chance * 20])
            executor.drain([(seed.tenant_id, f"part:{child}") for child in children])

    for thread in [InThread(lambda n=n: drain_for_ever(n)) for n in range(3)]:  # type: ignore[misc]
        thread.result()

    assert [seed.entity(child)["version"] for child in children] == [1] * 60
    assert len(follow_ups(seed)) == 60
    assert seed.db.events.count_documents({"tenant_id": seed.tenant_id}) == 120
