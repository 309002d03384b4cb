"""All that a batch wants written."""

from __future__ import annotations

import msgspec

from adapters.commands.verdicts import Verdict
from adapters.mongo.client import Document

Ref = tuple[str, str]
"""(collection, document id)."""

MOST_CREATED = 500
CREATED_BYTES = 4 * 1024 * 1024
"""What one batch may create, in entities and bytes: then it takes no more commands, for its commit's sake."""


class Written(msgspec.Struct, kw_only=True):
    """An entity as a batch leaves it. `fields` are those that the batch wrote: all of them, of a new one."""

    document: Document
    is_new: bool
    fields: set[str] = set()


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """A new entity beside a command's target, rows of its ledger, and the id of its event. `size`: of the
    document, in bytes."""

    document: Document
    rows: list[Document]
    size: int
    event_id: str


class Changes(msgspec.Struct, kw_only=True):
    """All that a batch wants written."""

    verdicts: list[Verdict] = []
    entities: dict[Ref, Written] = {}
    entries: dict[str, tuple[bool, Document]] = {}
    """Ledger rows by id: whether the row is new, and the row."""
    follow_ups: list[Document] = []
    created: dict[Ref, Created] = {}
    """Entities beside the targets. Which exist already turns out when all is written; they are left alone."""
    created_bytes: int = 0
    accepted_follow_ups: list[Document] = []
    """Once written: the follow-ups that were new."""
    guards: set[Ref] = set()
    """Entities that must not change until we commit."""
    awaited: list[tuple[Document, str]] = []
    """A command, and the id of one that now waits for it."""
    warned: dict[str, list[Document]] = {}
    """Warnings for parents' receipts, by command id."""
    is_cut: bool = False
    """Whether commands were left to the next batch."""
