"""The interface through which a handler reads and writes. The executor's unit of work implements it; handler
tests use a small fake."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from domain.entity import Entity, Entry
from domain.identity.actor import Actor

E = TypeVar("E", bound=Entity)


class Work(Protocol):
    """One command's view of the store: its own writes over what the batch has read.

    A handler changes only its own target and may create other entities beside it. Other existing entities are
    changed by follow-up commands.
    """

    @property
    def now(self) -> datetime:
        """The server's time (UTC, milliseconds), one value for the whole batch."""

    @property
    def occurred_at(self) -> datetime:
        """The effective time: when it happened (offline work, imports); never later than `now`."""

    @property
    def is_measured(self) -> bool:
        """Whether a device recorded `occurred_at` when it happened, rather than somebody reporting it
        later."""

    @property
    def seen_version(self) -> int | None:
        """The version of the target that the author saw, if known."""

    @property
    def actor(self) -> Actor: ...

    @property
    def command_id(self) -> str: ...

    @property
    def target_id(self) -> str:
        """The id of the target; for a create, the id it will have."""

    def new_id(self) -> str:
        """A fresh UUIDv7, for a ledger row or an item."""

    def number(self, kind: type[Entity]) -> int:
        """The tenant's next number of that kind (WO-000123). Prefetched for commands declared with
        `numbers=`."""

    def find(self, kind: type[E]) -> E | None:
        """The target, or None if it does not exist."""

    def load(self, kind: type[E]) -> E:
        """The target. Raises: Missing."""

    def peek(self, kind: type[E], id: str) -> E | None:
        """Another entity as of the start of the batch: advisory, may be stale at commit."""

    def require(self, kind: type[E], id: str, *, path: str | None = None) -> E:
        """Another entity, guaranteed unchanged until this commits: for checks that must still hold then.

        Raises: Missing.
        """

    def entry(self, id: str) -> Entry | None:
        """A ledger row of the target, or None; its type is one of `domain.kinds.LEDGER`."""

    def save(self, entity: Entity) -> None:
        """Write the target (create or replace it)."""

    def record(self, entry: Entry) -> None:
        """Append a row to the target's ledger, or replace one by its voided form."""

    def create(self, entity: Entity, event: str, rows: Sequence[Entry] = (), **data: Any) -> None:
        """Create another entity in the same commit, with its event and ledger rows. Does nothing if the id
        exists, so that an id derived from its purpose may be created twice."""

    def emit(self, event: str, **data: Any) -> None:
        """Record an event, named in the past tense (`work_order.started`), for the timeline and the
        stream."""

    def follow_up(self, type: str, payload: dict[str, Any], *, step: str) -> None:
        """Accept another command, from the system, in the same commit; `step` names it within this
        command."""

    def warn(self, code: str, message: str, **params: Any) -> None:
        """Add a warning to this command's receipt and its parent's; the command is applied."""
