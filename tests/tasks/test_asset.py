"""Assets: a tree that stays a tree."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from domain.assets.asset import MOST_LEVELS, Asset
from domain.errors import Missing, Rejected
from domain.identity.actor import Actor
from tasks.asset.create import Create, create
from tasks.asset.decommission import Decommission, decommission
from tasks.asset.update import Update, update
from tasks.command import Payload
from tasks.work import Work
from tests.tasks.fake_work import NOON, World, ident

PLANNER = Actor(tenant_id="demo", user_id="planner")


def plant(world: World, **parents: int | None) -> None:
    """Assets a1, a2, ... by name, each in the asset of that number."""
    for name, parent in parents.items():
        number = int(name.removeprefix("a"))
        above = None if parent is None else ident(parent)
        world.put(Asset(id=ident(number), name=name, parent_id=above, created_at=NOON))


def code_of(refused: pytest.ExceptionInfo[Rejected]) -> tuple[str, str | None]:
    return refused.value.code, refused.value.path


def test_an_asset_is_created_inside_another() -> None:
    world = World()
    plant(world, a1=None)

    done = world.run(
        create,
        Create(id=ident(2), name="Pump", tag="P-1", parent_id=ident(1), criticality="high"),
        actor=PLANNER,
    )

    pump = world.get(Asset, ident(2))
    assert (pump.name, pump.tag, pump.parent_id, pump.criticality) == ("Pump", "P-1", ident(1), "high")
    assert pump.created_at == NOON
    assert pump.in_service
    assert [event for event, _ in done.events] == ["asset.created"]


def test_an_id_is_taken_once() -> None:
    world = World()
    plant(world, a1=None)

    with pytest.raises(Rejected) as refused:
        world.run(create, Create(id=ident(1), name="Again", criticality="low"), actor=PLANNER)

    assert code_of(refused) == ("already_exists", "id")


def test_a_parent_must_exist() -> None:
    with pytest.raises(Missing) as refused:
        World().run(create, Create(name="Pump", parent_id=ident(9), criticality="low"), actor=PLANNER)

    assert code_of(refused) == ("unknown_asset", "parent_id")


def test_an_asset_cannot_be_created_inside_itself() -> None:
    with pytest.raises(Rejected) as refused:
        World().run(
            create, Create(id=ident(1), name="Pump", parent_id=ident(1), criticality="low"), actor=PLANNER
        )

    assert code_of(refused) == ("asset_cycle", "parent_id")


def test_the_tree_has_a_bottom() -> None:
    world = World()
    plant(world, a1=None, **{f"a{n}": n - 1 for n in range(2, MOST_LEVELS + 1)})

    world.run(
        create,
        Create(name="On the last level", parent_id=ident(MOST_LEVELS - 1), criticality="low"),
        actor=PLANNER,
    )
    with pytest.raises(Rejected) as refused:
        world.run(
            create, Create(name="Below it", parent_id=ident(MOST_LEVELS), criticality="low"), actor=PLANNER
        )

    assert code_of(refused) == ("asset_too_deep", "parent_id")


def test_an_update_changes_what_it_names_and_null_clears() -> None:
    world = World()
    world.put(Asset(id=ident(1), name="Pump", tag="P-1", location="Hall 1", created_at=NOON))

    done = world.run(update, Update(asset_id=ident(1), tag=None, criticality="low"), actor=PLANNER)

    pump = world.get(Asset, ident(1))
    assert (pump.name, pump.tag, pump.location, pump.criticality) == ("Pump", None, "Hall 1", "low")
    assert done.events == [("asset.updated", {"tag": None, "criticality": "low"})]


def test_absent_and_null_differ_on_the_wire() -> None:
    named = msgspec.json.decode(f'{{"asset_id":"{ident(1)}","parent_id":null}}'.encode(), type=Update)

    assert named.parent_id is None
    assert named.tag is msgspec.UNSET


def test_an_update_that_names_nothing_is_refused_and_one_that_changes_nothing_is_silent() -> None:
    world = World()
    plant(world, a1=None)

    with pytest.raises(Rejected) as refused:
        world.run(update, Update(asset_id=ident(1)), actor=PLANNER)
    done = world.run(update, Update(asset_id=ident(1), name="a1"), actor=PLANNER)

    assert refused.value.code == "nothing_to_change"
    assert done.events == []
    assert world.get(Asset, ident(1)).version == 0


def test_a_move_is_an_event_of_its_own() -> None:
    world = World()
    plant(world, a1=None, a2=None, a3=1)

    done = world.run(update, Update(asset_id=ident(3), parent_id=ident(2)), actor=PLANNER)

    assert world.get(Asset, ident(3)).parent_id == ident(2)
    assert done.events == [("asset.moved", {"before": ident(1), "after": ident(2)})]


def test_an_asset_cannot_move_below_itself() -> None:
    world = World()
    plant(world, a1=None, a2=1, a3=2)

    with pytest.raises(Rejected) as refused:
        world.run(update, Update(asset_id=ident(1), parent_id=ident(3)), actor=PLANNER)

    assert code_of(refused) == ("asset_cycle", "parent_id")


def test_a_decommissioned_asset_is_left_alone() -> None:
    world = World()
    plant(world, a1=None, a2=None)
    done = world.run(decommission, Decommission(asset_id=ident(1), reason="scrapped"), actor=PLANNER)
    assert done.events == [("asset.decommissioned", {"reason": "scrapped"})]
    assert world.get(Asset, ident(1)).decommissioned_at == NOON

    refusals = {}
    attempts: list[tuple[str, Callable[[Any, Work], None], Payload]] = [
        ("again", decommission, Decommission(asset_id=ident(1), reason="scrapped")),
        ("renamed", update, Update(asset_id=ident(1), name="Other")),
        ("moved into", update, Update(asset_id=ident(2), parent_id=ident(1))),
        ("built into", create, Create(name="New", parent_id=ident(1), criticality="low")),
    ]
    for name, handler, cmd in attempts:
        with pytest.raises(Rejected) as refused:
            world.run(handler, cmd, actor=PLANNER)
        refusals[name] = refused.value.code

    assert refusals == {
        "again": "invalid_transition",
        "renamed": "asset_decommissioned",
        "moved into": "asset_decommissioned",
        "built into": "asset_decommissioned",
    }


def test_how_critical_an_asset_is_must_be_said() -> None:
    with pytest.raises(msgspec.ValidationError, match="criticality"):
        msgspec.convert({"name": "Pump"}, Create)
