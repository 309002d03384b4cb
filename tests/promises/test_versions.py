"""Versions side by side: what is newer than a worker is left to a newer one, and its line with it."""

from __future__ import annotations

import pytest

from adapters.mongo.client import Document
from domain.assets.part import Part
from tasks.command import handles
from tasks.work import Work
from tests.support.drains import Drains
from tests.support.seeds import Seeds
from tests.support.trial import Append, append


@handles("part.engrave", permission=None)
def engrave(cmd: Append, work: Work) -> None:
    append(cmd, work)


@handles("part.append", permission=None, schema_version=2)
def append_anew(cmd: Append, work: Work) -> None:
    append(cmd, work)


@pytest.mark.parametrize("newer", [engrave, append_anew], ids=["unknown type", "newer schema"])
def test_a_command_of_a_newer_release_waits_with_its_line_for_a_worker_of_that_release(
    seed: Seeds, drains: Drains, newer: object
) -> None:
    spec = newer.__dict__["spec"]
    part, other = seed.parts(2)
    first = seed.accept("part.append", part_id=part, text="a")
    new = Seeds(seed.db, {**seed.catalogue, spec.type: spec}, seed.tenant_id).accept(
        spec.type, part_id=part, text="b"
    )
    behind = seed.accept("part.append", part_id=part, text="c")
    elsewhere = seed.accept("part.append", part_id=other, text="d")
    lines = [seed.line(part), seed.line(other)]

    told = drains.executor().drain(lines)

    assert [seed.state(command) for command in (first, elsewhere)] == ["applied", "applied"]
    assert [seed.state(command) for command in (new, behind)] == ["accepted", "accepted"]
    assert _counted(seed.found(new)) == (0, 0, [])
    assert told.again == []  # the relay hints it again: a worker that cannot run it must not spin

    drains.executor(newer).drain(lines)
    assert seed.name(part) == "abc"
    assert seed.found(new)["attempts"] == 1


def test_an_entity_of_a_newer_release_is_left_alone_with_its_line_and_nothing_is_counted(
    seed: Seeds, drains: Drains
) -> None:
    part, other = seed.parts(2)
    place = {"_id": f"{seed.tenant_id}/{part}"}
    seed.db.parts.update_one(place, {"$set": {"schema_version": 99}})
    waits = seed.accept("part.append", part_id=part, text="a")
    behind = seed.accept("part.append", part_id=part, text="b")
    needs = seed.accept("part.append_behind", part_id=other, other_id=part)
    lines = [seed.line(part), seed.line(other)]

    told = drains.executor().drain(lines)

    assert [_counted(seed.found(command)) for command in (waits, behind, needs)] == [(0, 0, [])] * 3
    assert (seed.entity(part)["version"], seed.name(part)) == (1, "")
    assert told.again == []

    seed.db.parts.update_one(place, {"$set": {"schema_version": 1}})
    drains.until_dry(lines)
    assert (seed.name(part), seed.name(other)) == ("ab", "b")


def test_an_entity_that_a_newer_release_has_changed_is_left_to_it_from_then_on(
    seed: Seeds, drains: Drains, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = seed.part()
    with monkeypatch.context() as newer:
        newer.setattr(Part, "schema_version", 2)
        seed.accept("part.append", part_id=part, text="a")
        drains.until_dry([seed.line(part)])
    behind = seed.accept("part.append", part_id=part, text="b")

    drains.drain(seed.line(part))

    assert (seed.entity(part)["schema_version"], seed.name(part)) == (2, "a")
    assert _counted(seed.found(behind)) == (0, 0, [])


def test_an_entity_keeps_the_fields_that_a_worker_does_not_know(seed: Seeds, drains: Drains) -> None:
    part = seed.part()
    seed.db.parts.update_one({"_id": f"{seed.tenant_id}/{part}"}, {"$set": {"colour": {"name": "red"}}})
    seed.accept("part.append", part_id=part, text="a")

    drains.until_dry([seed.line(part)])

    stored = seed.entity(part)
    assert (stored["name"], stored["version"], stored["colour"]) == ("a", 2, {"name": "red"})


def _counted(command: Document) -> tuple[int, int, list[str]]:
    states = [entry["state"] for entry in command.get("history", ())]
    return command["attempts"], command.get("losses", 0), states
