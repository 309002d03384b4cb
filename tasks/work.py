"""What a handler may do. The executor's unit of work implements it; handler tests use a small fake."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from domain.entity import Entity, Entry
from domain.identity.actor import Actor

E = TypeVar("E", bound=Entity)


class Work(Protocol):
    """One command's view of the store: its own overlay over what the batch has read.

    A handler changes its own target only, and may create others beside it; others that exist change by
    follow-up commands.
    """

    @property
    def now(self) -> datetime:
        """The server's time (UTC, milliseconds), one value for the whole batch."""

    @property
    def occurred_at(self) -> datetime:
        """When it happened in the world (offline work, imports); never later than `now`."""

    @property
    def is_measured(self) -> bool:
        """Whether `occurred_at` was noted where and when it happened (by a device), not told afterwards."""

    @property
    def seen_version(self) -> int | None:
        """The version of the target that the author saw, if known."""

    @property
    def actor(self) -> Actor: ...

    @property
    def command_id(self) -> str: ...

    @property
    def target_id(self) -> str:
        """The id of this command's own entity; for a create the id it is to have."""

    def new_id(self) -> str:
        """A fresh UUIDv7, for a ledger row or an item."""

    def number(self, kind: type[Entity]) -> int:
        """The next human number of that kind in this tenant. A spec that says `numbers=` has one at hand."""

    def find(self, kind: type[E]) -> E | None:
        """The command's own target, or None."""

    def load(self, kind: type[E]) -> E:
        """The command's own target. Raises: Missing."""

    def peek(self, kind: type[E], id: str) -> E | None:
        """Another entity as it was when the batch began: advisory, may be stale at commit."""

    def require(self, kind: type[E], id: str, *, path: str | None = None) -> E:
        """Another entity, held unchanged until this commits: for checks that depend on one another.

        Raises: Missing.
        """

    def entry(self, id: str) -> Entry | None:
        """A ledger row of the command's own target, decoded as the member of `domain.kinds.LEDGER` it is."""

    def save(self, entity: Entity) -> None:
        """Write the command's own target (create or replace)."""

    def record(self, entry: Entry) -> None:
        """Append a ledger row to the command's own target, or replace one by its voided form."""

    def create(self, entity: Entity, event: str, rows: Sequence[Entry] = (), **data: Any) -> None:
        """A new entity beside the target, in the same commit, with rows of its ledger and what is told of it.
        One that is there already stays as it is, and nothing is told: a derived id may be said again."""

    def emit(self, event: str, **data: Any) -> None:
        """Something happened, in the past tense (`work_order.started`): for the timeline and the stream."""

    def follow_up(self, type: str, payload: dict[str, Any], *, step: str) -> None:
        """Another command, by the system, accepted in the same commit; `step` names it within this one."""

    def warn(self, code: str, message: str, **params: Any) -> None:
        """Applied, but someone should know: shown on this command's receipt and on its parent's."""
