"""Makes the document of what a handler saves, and finds the paths in which it differs from before."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

import msgspec

from adapters.mongo.client import Document, document_id
from domain.conflicts import changed_paths
from domain.entity import Entity, Entry

_KEPT = (datetime, Decimal)
"""Types that BSON has (with our codec); all others become strings, numbers, lists and dicts."""

LONGEST_TEXT = 500
LONGEST_LIST = 50
"""The longest former value that an event keeps."""


class Draft(msgspec.Struct, frozen=True):
    """A new document, the fields of it that are written, the paths in which it differs from before, and the
    former values at those for which commands contend."""

    document: Document
    fields: Collection[str] = ()
    paths: tuple[str, ...] = ()
    was: Document = {}


def plain(value: Any) -> Any:
    """As the store takes it."""
    return msgspec.to_builtins(value, builtin_types=_KEPT)


def row(entry: Entry, tenant_id: str, target: str) -> Document:
    """A ledger row of this target."""
    head = {"_id": document_id(tenant_id, entry.id), "tenant_id": tenant_id, "target": target}
    return head | cast(Document, plain(entry))


def new(entity: Entity, tenant_id: str, *, at: datetime) -> Draft:
    """The document of an entity that was not there before."""
    fields: Document = plain(entity)
    head = {
        "_id": document_id(tenant_id, entity.id),
        "tenant_id": tenant_id,
        "schema_version": entity.schema_version,
    }
    document = head | {"created_at": at} | fields | {"version": 1, "updated_at": at}
    paths = tuple(name for name, value in fields.items() if value not in (None, [], {}))
    return Draft(document, document.keys(), paths)


def changed(
    old: Document, before: Entity | None, after: Entity | None, contended: Collection[str], *, at: datetime
) -> Draft:
    """The document's next version; no `after`: only rows of its ledger were written."""
    # By our schema from now on: an older release would lose what it does not know inside of fields.
    same = before if after and old.get("schema_version") == after.schema_version else None
    fields: Document = plain(_other(same, after)) | {"schema_version": after.schema_version} if after else {}
    fields |= {"version": old["version"] + 1, "updated_at": at}
    # Fields that this release does not know stay as they are.
    document = old | fields
    if before is None or after is None:
        return Draft(document, fields.keys())
    paths = changed_paths(before, after)
    was = {path: value for path, (value, _) in paths.items() if path in contended or "/" in path}
    kept = {path: value for path, value in plain(was).items() if _is_short(value)} if was else {}
    return Draft(document, fields.keys(), tuple(paths), kept)


def _other(before: Entity | None, after: Entity) -> dict[str, Any]:
    """The fields that are not the very same values as before."""
    names = after.__struct_fields__
    if before is None:
        return {name: getattr(after, name) for name in names}
    values = zip(names, msgspec.structs.astuple(before), msgspec.structs.astuple(after), strict=True)
    return {name: new for name, old, new in values if new is not old}


def _is_short(value: Any) -> bool:
    """Worth keeping twice, for a person who must decide: a plain value, or a list of names."""
    if isinstance(value, list):
        return len(value) <= LONGEST_LIST and all(isinstance(one, str) for one in value)
    return not isinstance(value, dict) and len(str(value)) <= LONGEST_TEXT
