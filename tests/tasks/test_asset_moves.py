"""Moves by many workers at once: what is required is held until the commit, so the tree stays a tree."""

from dataclasses import dataclass
from typing import TypeVar

from hypothesis import example, given
from hypothesis import strategies as st

from domain.assets.asset import Asset
from domain.entity import Entity
from domain.errors import Rejected
from domain.identity.actor import Actor
from tasks.asset.update import Update, update
from tests.tasks.fake_work import NOON, FakeWork, World, ident

E = TypeVar("E", bound=Entity)

PLANNER = Actor(tenant_id="demo", user_id="planner")


class HeldWork(FakeWork):
    """Remembers what was required, at which version, as the unit of work does to hold it until the commit."""

    held: dict[str, int]

    def require(self, kind: type[E], id: str, *, path: str | None = None) -> E:
        found = super().require(kind, id, path=path)
        self.held[id] = found.version
        return found


@dataclass
class Mover:
    """A worker with one move: reads a snapshot when it begins, and may commit much later."""

    shared: World
    cmd: Update
    snapshot: World | None = None
    work: HeldWork | None = None
    done: bool = False

    def begin(self) -> None:
        self.snapshot = World()
        self.snapshot.entities = dict(self.shared.entities)
        self.work = HeldWork(self.snapshot, update.__dict__["spec"], self.cmd.asset_id, PLANNER, NOON)
        self.work.held = {self.cmd.asset_id: self.work.load(Asset).version}
        try:
            update(self.cmd, self.work)
        except Rejected:
            self.done = True

    def commit(self) -> None:
        """All or nothing: if anything held has changed since, begin again on what is there now."""
        assert self.work is not None
        assert self.snapshot is not None
        if any(self.shared.get(Asset, id).version != version for id, version in self.work.held.items()):
            self.begin()
            return
        self.work.commit()
        self.shared.put(self.snapshot.get(Asset, self.cmd.asset_id))
        self.done = True

    def step(self) -> None:
        if self.done:
            return
        if self.work is None:
            self.begin()
        else:
            self.commit()


COUNT = 4
pairs = st.tuples(st.integers(1, COUNT), st.integers(1, COUNT))
forests = st.tuples(*(st.none() | st.integers(1, n - 1) for n in range(2, COUNT + 1)))


@given(
    forest=forests,
    moves=st.lists(pairs, min_size=2, max_size=4),
    turns=st.lists(st.integers(0, 3), max_size=16),
)
@example(forest=(1, None, 3), moves=[(1, 4), (3, 2)], turns=[0, 1, 0, 1])
def test_moves_never_close_a_cycle_whatever_their_interleaving(
    forest: tuple[int | None, ...], moves: list[tuple[int, int]], turns: list[int]
) -> None:
    world = World()
    for number, parent in enumerate((None, *forest), start=1):
        above = None if parent is None else ident(parent)
        world.put(Asset(id=ident(number), name=f"a{number}", parent_id=above, created_at=NOON))
    movers = [Mover(world, Update(asset_id=ident(what), parent_id=ident(where))) for what, where in moves]

    for turn in turns:
        movers[turn % len(movers)].step()

    for start in range(1, COUNT + 1):
        seen: set[str] = set()
        id: str | None = ident(start)
        while id is not None:
            assert id not in seen
            seen.add(id)
            id = world.get(Asset, id).parent_id
