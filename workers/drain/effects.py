"""What one command does, once its handler has run: nothing of it is in the batch yet."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from adapters.commands.changes import Created, Ref
from adapters.mongo.client import Document
from domain.entity import Entity


class Effects(msgspec.Struct, frozen=True, kw_only=True):
    """`document`: the target as the command leaves it, with the `fields` that it wrote and the `paths` in
    which it differs from before; None: it is untouched. `rows`: of its ledger, by id, with whether each is
    new. `created`: entities beside the target. `version`: the target's, afterwards."""

    document: Document | None
    entity: Entity | None
    fields: Collection[str]
    paths: tuple[str, ...]
    rows: dict[str, tuple[bool, Document]]
    created: dict[Ref, tuple[Created, Entity]]
    follow_ups: list[Document]
    guards: set[Ref]
    events: list[Document]
    warnings: list[Document]
    version: int | None
