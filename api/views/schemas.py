"""OpenAPI schemas of read responses: the entities, with the members that `lists` replaces.

Only the id is required: a document keeps the fields of the release that wrote it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from api.http.openapi import OBJECT, TEXT, TIME, Json, schema_of
from api.views.resource import Resource
from api.views.resources import ASSETS, PLANS, WEBHOOKS, WORK_ORDERS
from api.views.work_orders import LEDGER
from domain.entity import Entity
from domain.kinds import ENTITIES
from domain.kinds import LEDGER as ROWS

_REF: Json = {
    "type": ["object", "null"],
    "required": ["id", "name"],
    "properties": {"id": TEXT, "name": {"type": ["string", "null"]}},
}
_REPLACED: Mapping[str, Mapping[str, Json | None]] = {
    WORK_ORDERS.path: {
        "asset_id": None,
        "assignee_ids": None,
        "team_id": None,
        "asset": _REF,
        "assignees": {"type": "array", "items": _REF},
        "team": _REF,
    },
    PLANS.path: {"rules": None},
    ASSETS.path: {"parent": _REF},
    WEBHOOKS.path: {"health": OBJECT},
}
"""Members whose view differs from the entity's; None: not shown."""

_ROWS: Mapping[str, Json] = {str(row.__struct_config__.tag): schema_of(row)["properties"] for row in ROWS}
"""Members of a ledger's row, by its kind."""


def list_schema(resource: Resource) -> Json:
    """A document in a list. If it is not an entity, its members are named without schemas."""
    entity = next((cls for cls in ENTITIES.values() if cls.collection == resource.collection), None)
    members = _members(entity) if entity else {}
    if resource is PLANS:
        members |= members["rules"]["properties"]
    if resource.shown:
        members = {name: members.get(name, {}) for name in resource.shown}
    omitted = dict.fromkeys(resource.hidden)
    replaced = omitted | dict(_REPLACED.get(resource.path, {}))
    return _object({name: known for name, known in (members | replaced).items() if known is not None})


def shown_of(entity: type[Entity], names: Iterable[str]) -> Json:
    """An entity with these members only."""
    members = _members(entity)
    return _object({name: members[name] for name in names})


def full_schema(resource: Resource) -> Json:
    """A single document: a work order includes the rows of its ledger."""
    members = list_schema(resource)["properties"]
    if resource is WORK_ORDERS:
        lists = {name: {"type": "array", "items": row_of(kind)} for kind, name in LEDGER.items()}
        members |= lists | {"ledger": OBJECT}
    return _object(members)


def row_of(kind: str, renamed: Mapping[str, str] | None = None) -> Json:
    """A row of a ledger; `renamed`: fields with another name in the view."""
    members = {name: known for name, known in _ROWS[kind].items() if name != "kind"}
    return _object({(renamed or {}).get(name, name): known for name, known in members.items()})


def _members(entity: type[Entity]) -> Json:
    members: Json = schema_of(entity)["properties"]
    return members | {"created_at": TIME, "updated_at": TIME}


def _object(members: Mapping[str, Json]) -> Json:
    return {"type": "object", "required": ["id"], "properties": dict(members)}
