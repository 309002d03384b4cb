"""What every entity has. Entities are values: a change gives a new one."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

import msgspec


class Entity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A thing with an identity, kept whole in one document of its collection.

    `kind` is the word in targets (`work_order:<id>`), `collection` where it lives. `version` is that of the
    stored document and is raised by the unit of work, never by domain code. Fields of a newer schema that
    this code does not know are kept by the unit of work.
    """

    kind: ClassVar[str]
    collection: ClassVar[str]
    schema_version: ClassVar[int] = 1
    named: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Lists whose items people change side by side: the field -> (an item's name, what is set of it)."""

    id: str
    version: int = 0


class Void(msgspec.Struct, frozen=True, kw_only=True):
    """Why a row no longer counts. The row stays."""

    at: datetime
    by: str | None
    reason: str


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """A ledger row of an entity: a document of its own in `entries`, appended, voided, never edited."""

    id: str
    at: datetime
    by: str | None
    voided: Void | None = None
