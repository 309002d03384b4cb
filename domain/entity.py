"""The base classes of entities and ledger rows. Entities are values: a change returns a new one."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

import msgspec


class Entity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A thing with an identity, stored whole in one document of its collection.

    `kind` is the word in targets (`work_order:<id>`). `version` is that of the stored document; the unit of
    work raises it, never domain code. The unit of work also keeps fields of a newer schema that this code
    does not know.
    """

    kind: ClassVar[str]
    collection: ClassVar[str]
    schema_version: ClassVar[int] = 1
    named: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Lists whose items people change independently: the field -> (an item's id field, the field that
    changes)."""

    id: str
    version: int = 0


class Void(msgspec.Struct, frozen=True, kw_only=True):
    """Who voided a ledger row, when and why. The row stays but no longer counts."""

    at: datetime
    by: str | None
    reason: str


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """A ledger row of an entity: a document of its own in `entries`; appended or voided, never edited."""

    id: str
    at: datetime
    by: str | None
    voided: Void | None = None
