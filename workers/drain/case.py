"""One command as it is judged: what the batch knows of it before its handler runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from adapters.commands.changes import Ref
from adapters.commands.document import TargetQueue
from adapters.mongo.client import Document
from domain.conflicts import Change
from domain.entity import Entity
from domain.identity.actor import Actor
from tasks.command import Payload, Spec

DEVICE_BASE = 1
"""What a device's command without a base is taken to have seen: it knows of the entity, and no more."""


class Slot(msgspec.Struct):
    """One entity: its document, and the decoded value once something has used it."""

    document: Document | None
    entity: Entity | None = None


class Case(msgspec.Struct, kw_only=True):
    """A command with its spec, author and target as the batch has them now.

    `author`: with the roles of now; None: gone, or no longer active. `voucher`: who approved it, likewise.
    `blockers`: the commands that block lanes of its target. `changed_since(version)`: the events of its
    target after that version.
    """

    command: Document
    spec: Spec
    now: datetime
    ref: Ref
    slot: Slot
    outbox: str | None = None
    """Of the device that it came from."""
    base_version: int | None = None
    """The version that its author has seen; None: it says nothing of one, and conflicts with nothing."""
    payload: Payload | None = None
    """As its handler takes it, where the prefetch has needed it."""
    author: Actor | None = None
    voucher: Actor | None = None
    blockers: Sequence[Document] = ()
    changed_since: Callable[[int], list[Document]] = lambda _: []
    changes: list[Change] | None = None
    """What others have changed since the author's base; None before it was read."""

    @property
    def queue(self) -> TargetQueue:
        return self.command["tenant_id"], self.command["target"]
