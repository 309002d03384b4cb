"""What a command creates beside its target comes in its commit, once, and never over what is there."""

from __future__ import annotations

import msgspec
import pytest

from adapters.commands.changes import MOST_CREATED
from adapters.commands.document import TargetQueue
from adapters.commands.unit_of_work import UnitOfWork
from adapters.mongo.client import Document
from domain.assets.part import Part
from domain.work_order.ledger import Comment
from tasks.command import handles
from tasks.work import Work
from tests.support.drains import Drains, SleptTime
from tests.support.patience import InThread
from tests.support.seeds import Seeds, new_id
from tests.support.trial import NOT_IN_BSON, OnPart, spec_of


class Bear(OnPart, frozen=True, kw_only=True):
    """Has parts of these ids, each with a comment."""

    children: tuple[str, ...]


@handles("part.bear", permission=None, numbers=Part)
def bear(cmd: Bear, work: Work) -> None:
    work.emit("part.bore", count=len(cmd.children))
    for child in cmd.children:
        name = str(work.number(Part))
        row = Comment(id=work.new_id(), at=work.now, by=None, text="hello")
        part = Part(id=child, name=name, unit="piece", created_at=work.now)
        work.create(part, "part.born", [row], name=name)


@handles("part.bear", permission=None)
def bear_badly(cmd: Bear, work: Work) -> None:
    for child in cmd.children:
        work.create(Part(id=child, name="", unit="piece", created_at=work.now), "part.born", n=NOT_IN_BSON)


@handles("part.bear", permission=None)
def bear_what_no_store_takes(cmd: Bear, work: Work) -> None:
    work.save(msgspec.structs.replace(work.load(Part), name="changed"))
    for child in cmd.children:
        work.create(Part(id=child, name=object(), unit="piece", created_at=work.now), "part.born")  # type: ignore[arg-type]


@pytest.fixture
def drains(drains: Drains, seed: Seeds) -> Drains:
    drains.catalogue = {**drains.catalogue, "part.bear": spec_of(bear)}
    seed.catalogue = drains.catalogue
    return drains


def bearing(seed: Seeds, *children: str) -> Document:
    return seed.accept("part.bear", part_id=seed.part(), children=list(children))


def line_of(command: Document) -> TargetQueue:
    return command["tenant_id"], command["target"]


def told(seed: Seeds, child: str) -> list[Document]:
    return list(seed.db.events.find({"tenant_id": seed.tenant_id, "target": f"part:{child}"}).sort("_id", 1))


def rows(seed: Seeds, child: str) -> list[Document]:
    return list(seed.db.entries.find({"tenant_id": seed.tenant_id, "target": f"part:{child}"}))


def test_it_is_there_with_its_rows_and_what_is_told_of_it_when_its_command_is_applied(
    seed: Seeds, drains: Drains
) -> None:
    child = new_id()
    command = bearing(seed, child)

    drained = drains.executor(time=SleptTime()).drain([line_of(command)])

    entity = seed.entity(child)
    assert (entity["version"], entity["name"], entity["tenant_id"]) == (1, "1", seed.tenant_id)
    assert [row["text"] for row in rows(seed, child)] == ["hello"]
    [event] = told(seed, child)
    assert (event["_id"], event["type"], event["version"]) == (f"{command['_id']}:1", "part.born", 1)
    assert (event["command_id"], event["data"]) == (command["_id"], {"name": "1"})
    assert seed.found(command)["events"] == 2
    assert (drained.again, drained.accepted) == ([], {}), "it has no command of its own"


def test_what_is_there_already_stays_as_it_is_and_nothing_is_told_of_it(seed: Seeds, drains: Drains) -> None:
    child, other = seed.part(name="was here"), new_id()
    first, second = bearing(seed, child, other), bearing(seed, other)

    drains.drain(line_of(first), line_of(second))

    assert [seed.state(command) for command in (first, second)] == ["applied", "applied"]
    assert seed.name(child) == "was here"
    assert (told(seed, child), rows(seed, child)) == ([], [])
    assert len(told(seed, other)) == len(rows(seed, other)) == 1, "two of one batch create it once"


def test_what_comes_after_it_in_its_batch_finds_it(seed: Seeds, drains: Drains) -> None:
    child = new_id()
    command = bearing(seed, child)
    behind = seed.accept("part.append", part_id=child, text="+")
    needs = seed.accept("part.append_behind", part_id=seed.part(), other_id=child)

    drains.drain(*map(line_of, (command, behind, needs)))

    assert [seed.state(one) for one in (behind, needs)] == ["applied", "applied"]
    assert (seed.name(child), seed.entity(child)["version"]) == ("1+", 2)
    assert [event["version"] for event in told(seed, child)] == [1, 2]


def test_a_refusal_creates_nothing_and_what_cannot_be_written_is_its_own_commands_fault(
    seed: Seeds, drains: Drains
) -> None:
    child = new_id()
    bad, good = bearing(seed, child), seed.accept("part.append", part_id=seed.part(), text="x")

    drains.executor(bear_badly).drain([line_of(bad), line_of(good)])

    assert (seed.state(bad), seed.state(good)) == ("retrying", "applied")
    assert not seed.db.parts.find_one({"_id": f"{seed.tenant_id}/{child}"})


def test_a_command_whose_creation_cannot_be_stored_leaves_its_target_alone(
    seed: Seeds, drains: Drains
) -> None:
    bad = bearing(seed, new_id())
    part_id = bad["payload"]["part_id"]
    before = seed.entity(part_id)

    drains.executor(bear_what_no_store_takes).drain([line_of(bad)])

    assert seed.state(bad) == "retrying"
    assert seed.entity(part_id) == before


def test_a_batch_takes_no_more_than_one_commit_may_create(seed: Seeds, drains: Drains) -> None:
    each = MOST_CREATED // 2
    commands = [bearing(seed, *(new_id() for _ in range(each))) for _ in range(3)]

    drained = drains.drain(*map(line_of, commands))

    states = [seed.state(command) for command in commands]
    assert sorted(states) == ["accepted", "applied", "applied"]
    assert line_of(commands[states.index("accepted")]) in drained.again
    drains.until_dry(drained.again)
    names = seed.db.parts.distinct("name", {"tenant_id": seed.tenant_id, "name": {"$ne": ""}})
    assert len(names) == 3 * each, "each has a number of its own"


def test_numbers_that_nobody_foresaw_are_taken_in_growing_blocks(
    seed: Seeds, drains: Drains, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = bearing(seed, *(new_id() for _ in range(200)))
    taken: list[int] = []
    honest = UnitOfWork.take_numbers

    def counted(self: UnitOfWork, tenant_id: str, kind: str, count: int) -> range:
        taken.append(count)
        return honest(self, tenant_id, kind, count)

    monkeypatch.setattr(UnitOfWork, "take_numbers", counted)

    drains.drain(line_of(command))

    assert seed.state(command) == "applied"
    assert len(taken) <= 9, "a round trip each"
    assert sum(taken) <= 2 * 200


def test_drains_that_contend_create_each_once(seed: Seeds, drains: Drains) -> None:
    children = [new_id() for _ in range(40)]
    commands = [bearing(seed, child, children[n - 1]) for n, child in enumerate(children)]
    lines = [line_of(command) for command in commands]

    def drain_for_ever(chance: int) -> None:
        executor = drains.executor(chance=chance)
        while seed.db.commands.find_one({"tenant_id": seed.tenant_id, "active": True}):
            executor.drain(lines[chance * 13 :] + lines[: chance * 13])

    for thread in [InThread(lambda n=n: drain_for_ever(n)) for n in range(3)]:  # type: ignore[misc]
        thread.result()

    assert [seed.entity(child)["version"] for child in children] == [1] * 40
    assert [len(told(seed, child)) for child in children] == [1] * 40
