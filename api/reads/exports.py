"""GET /api/exports/{kind}.csv: streamed, so that its size costs no memory; safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongo.client import Document, ids_of
from api.views import names
from api.views.resource import Resource
from api.views.resources import ASSETS, PARTS, WORK_ORDERS

CHUNK = 500
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

Cell = Callable[[Document, dict[str, str]], Any]
"""A column's value, from a document and the names of the assets it mentions."""


def _field(name: str) -> Cell:
    return lambda document, _: document.get(name)


def _asset(document: Document, assets: dict[str, str]) -> str | None:
    id = document.get("asset_id")
    return assets.get(id, id) if id else None


class Export(msgspec.Struct, frozen=True):
    resource: Resource
    columns: Mapping[str, Cell]
    refers: str | None = None
    """The field that names an asset."""


def _fields(*columns: str) -> dict[str, Cell]:
    return {name: _field(name) for name in columns}


EXPORTS: Mapping[str, Export] = {
    "work-orders": Export(
        WORK_ORDERS,
        {
            **_fields("id", "number", "title", "status", "type", "priority"),
            "asset": _asset,
            **_fields(
                "cost_total", "currency", "created_at", "asset_id", "due_at", "started_at", "completed_at"
            ),
            **_fields("labor_minutes", "description", "updated_at", "version"),
        },
        refers="asset_id",
    ),
    "assets": Export(
        ASSETS,
        {
            **_fields("id", "name", "tag", "parent_id", "location", "criticality"),
            **_fields("decommissioned_at", "created_at", "updated_at", "version"),
        },
    ),
    "parts": Export(
        PARTS,
        _fields(
            "id",
            "name",
            "number",
            "unit",
            "unit_cost",
            "currency",
            "stock",
            "created_at",
            "updated_at",
            "version",
        ),
    ),
}


async def rows(
    db: AsyncDatabase[Any], export: Export, tenant_id: str, conditions: list[Document]
) -> AsyncIterator[bytes]:
    """The file in pieces: a header, then CHUNK rows at a time, oldest id first."""
    yield _lines([list(export.columns)])
    wanted = {"$and": [ids_of(tenant_id), *conditions]}
    found = db[export.resource.collection].find(wanted).sort("_id", 1).batch_size(CHUNK)
    waiting: list[Document] = []
    async for document in found:
        waiting.append(document)
        if len(waiting) >= CHUNK:
            yield await _chunk(db, export, tenant_id, waiting)
            waiting = []
    if waiting:
        yield await _chunk(db, export, tenant_id, waiting)


async def _chunk(db: AsyncDatabase[Any], export: Export, tenant_id: str, documents: list[Document]) -> bytes:
    referred = [document.get(export.refers) for document in documents] if export.refers else []
    assets = await names.of(db, "assets", tenant_id, referred)
    return _lines(
        [[_cell(value(document, assets)) for value in export.columns.values()] for document in documents]
    )


def _cell(value: Any) -> str:
    """As text. What a spreadsheet would run as a formula gets a quote in front; a number stays a number."""
    match value:
        case None:
            return ""
        case datetime():
            return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case Decimal():
            return f"{value:f}"
        case str():
            return (
                f"'{value}" if value.lstrip(" ").startswith(FORMULA) or value.startswith(FORMULA) else value
            )
        case _:
            return str(value)


def _lines(table: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(table)
    return out.getvalue().encode()
