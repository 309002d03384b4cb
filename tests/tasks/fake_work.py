"""A store in memory, and the `Work` that one handler sees of it.

    world = World()
    world.put(Asset(id=..., ...))
    done = world.run(create, Create(title="Oil leak", ...), actor=PLANNER)
    done.events, done.created, done.follow_ups, done.warnings
    order = world.get(WorkOrder, done.target_id)

As in the unit of work a refused command leaves no trace, and a saved entity's version rises by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from msgspec.structs import replace

from domain.entity import Entity, Entry
from domain.errors import Missing
from domain.identity.actor import Actor
from domain.ids import uuid7
from tasks.command import Payload, Spec

E = TypeVar("E", bound=Entity)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def ident(n: int, at: datetime = NOON) -> str:
    """A valid UUIDv7, the same for the same `n`."""
    return uuid7(at, n.to_bytes(10, "big"))


class World:
    """Everything one tenant holds."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now
        self.entities: dict[tuple[str, str], Entity] = {}
        self.entries: dict[str, dict[str, Entry]] = {}
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.follow_ups: list[tuple[str, dict[str, Any], str]] = []
        self.ids = 1_000_000
        self.numbers = 0

    def put(self, entity: Entity) -> None:
        self.entities[entity.kind, entity.id] = entity

    def get(self, kind: type[E], id: str) -> E:
        found = self.entities[kind.kind, id]
        assert isinstance(found, kind)
        return found

    def ledger(self, entity: Entity) -> list[Entry]:
        """The rows of `entity`, oldest first, voided ones too."""
        return list(self.entries.get(f"{entity.kind}:{entity.id}", {}).values())

    def fresh_id(self) -> str:
        self.ids += 1
        return ident(self.ids, self.now)

    def run(
        self,
        handler: Callable[[Any, Any], None],
        cmd: Payload,
        *,
        actor: Actor,
        occurred_at: datetime | None = None,
        is_measured: bool = False,
        seen_version: int | None = None,
    ) -> FakeWork:
        """Apply one command. Raises: whatever the handler raises, with nothing kept."""
        spec: Spec = handler.__dict__["spec"]
        work = FakeWork(
            self, spec, spec.target_id(cmd, actor.user_id) or self.fresh_id(), actor, occurred_at or self.now
        )
        work.is_measured, work.seen_version = is_measured, seen_version
        handler(cmd, work)
        work.commit()
        return work


class Created(NamedTuple):
    """An entity that a command creates beside its target."""

    entity: Entity
    event: str
    rows: tuple[Entry, ...]
    data: dict[str, Any]


class FakeWork:
    """One command's overlay; `commit` moves it into the world."""

    def __init__(self, world: World, spec: Spec, target_id: str, actor: Actor, occurred_at: datetime) -> None:
        self._world = world
        self._spec = spec
        self._target_id = target_id
        self._actor = actor
        self._occurred_at = occurred_at
        self._command_id = world.fresh_id()
        self._saved: Entity | None = None
        self._rows: dict[str, Entry] = {}
        self.is_measured = False
        self.seen_version: int | None = None
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.created: list[Created] = []
        self.follow_ups: list[tuple[str, dict[str, Any], str]] = []
        self.warnings: list[tuple[str, str, dict[str, Any]]] = []

    @property
    def now(self) -> datetime:
        return self._world.now

    @property
    def occurred_at(self) -> datetime:
        return min(self._occurred_at, self._world.now)

    @property
    def actor(self) -> Actor:
        return self._actor

    @property
    def command_id(self) -> str:
        return self._command_id

    @property
    def target_id(self) -> str:
        return self._target_id

    @property
    def target(self) -> str:
        return f"{self._spec.kind}:{self._target_id}"

    def new_id(self) -> str:
        return self._world.fresh_id()

    def number(self, kind: type[Entity]) -> int:  # noqa: ARG002 - one counter is enough here
        self._world.numbers += 1
        return self._world.numbers

    def find(self, kind: type[E]) -> E | None:
        assert kind.kind == self._spec.kind, f"{self._spec.type} may only load its own target"
        if self._saved is not None:
            assert isinstance(self._saved, kind)
            return self._saved
        return self.peek(kind, self._target_id)

    def load(self, kind: type[E]) -> E:
        found = self.find(kind)
        if found is None:
            raise Missing(kind.kind, self._target_id)
        return found

    def peek(self, kind: type[E], id: str) -> E | None:
        found = self._world.entities.get((kind.kind, id))
        assert found is None or isinstance(found, kind)
        return found

    def require(self, kind: type[E], id: str, *, path: str | None = None) -> E:
        found = self.peek(kind, id)
        if found is None:
            raise Missing(kind.kind, id, path=path)
        return found

    def entry(self, id: str) -> Entry | None:
        return self._rows.get(id) or self._world.entries.get(self.target, {}).get(id)

    def save(self, entity: Entity) -> None:
        assert (entity.kind, entity.id) == (self._spec.kind, self._target_id), (
            "a handler writes its own target"
        )
        self._saved = entity

    def record(self, entry: Entry) -> None:
        self._rows[entry.id] = entry

    def create(self, entity: Entity, event: str, rows: Sequence[Entry] = (), **data: Any) -> None:
        assert (entity.kind, entity.id) != (self._spec.kind, self._target_id), (
            "a handler saves its own target"
        )
        self.created.append(Created(entity, event, tuple(rows), data))

    def emit(self, event: str, **data: Any) -> None:
        assert event.startswith(f"{self._spec.kind}."), f"{event} is not an event of {self._spec.kind}"
        self.events.append((event, data))

    def follow_up(self, type: str, payload: dict[str, Any], *, step: str) -> None:
        assert step not in {taken for _, _, taken in self.follow_ups}, f"two follow-ups are called {step}"
        self.follow_ups.append((type, payload, step))

    def warn(self, code: str, message: str, **params: Any) -> None:
        self.warnings.append((code, message, params))

    def commit(self) -> None:
        if self._saved is not None:
            self._world.put(replace(self._saved, version=self._saved.version + 1))
        self._world.entries.setdefault(self.target, {}).update(self._rows)
        for made in self.created:
            self._commit_beside(made)
        self._world.events += self.events
        self._world.follow_ups += self.follow_ups

    def _commit_beside(self, made: Created) -> None:
        entity = made.entity
        if (entity.kind, entity.id) in self._world.entities:
            return
        self._world.put(replace(entity, version=1))
        self._world.entries[f"{entity.kind}:{entity.id}"] = {row.id: row for row in made.rows}
        self._world.events.append((made.event, made.data))
