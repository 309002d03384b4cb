"""GET /api/exports/{kind}.csv: streamed, so that its size costs no memory; safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream
from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongo.client import Document, ids_of
from api.http.openapi import BEARER, PROBLEM, operation
from api.http.problem import not_found
from api.http.query import conditions, parse
from api.reads.lists import Reader
from api.views import names
from api.views.resource import Resource
from api.views.resources import ASSETS, PARTS, WORK_ORDERS

PERMISSION = "importexport.export"
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


def route(reader: Reader, db: AsyncDatabase[Any]) -> HTTPRouteHandler:
    @get(
        "/api/exports/{file:str}",
        media_type="text/csv",
        operation_id="exports",
        operation_class=operation(responses={"422": ("A parameter is unknown or malformed", PROBLEM)}),
        tags=["read"],
        security=BEARER,
    )
    async def export(request: Request[Any, Any, Any], file: FromPath[str]) -> Stream:
        """work-orders.csv, assets.csv or parts.csv, narrowed by the same parameters as the list."""
        export = EXPORTS.get(file.removesuffix(".csv")) if file.endswith(".csv") else None
        actor = await reader.actor(request, PERMISSION)
        if export is None:
            raise not_found("export", file[:100])
        actor = await reader.actor(request, export.resource.permission)
        parameters = parse(request.scope["query_string"])
        selected = [export.resource.selects(actor), *conditions(parameters, export.resource.filters)]
        headers = {"content-disposition": f'attachment; filename="{file}"', "cache-control": "no-store"}
        return Stream(rows(db, export, actor.tenant_id, selected), headers=headers)

    return export


async def rows(
    db: AsyncDatabase[Any], export: Export, tenant_id: str, conditions: list[Document]
) -> AsyncIterator[bytes]:
    """The file in pieces: a header, then CHUNK rows at a time, oldest id first."""
    yield _lines([list(export.columns)])
    query = {"$and": [ids_of(tenant_id), *conditions]}
    documents = db[export.resource.collection].find(query).sort("_id", 1).batch_size(CHUNK)
    chunk: list[Document] = []
    async for document in documents:
        chunk.append(document)
        if len(chunk) >= CHUNK:
            yield await _chunk(db, export, tenant_id, chunk)
            chunk = []
    if chunk:
        yield await _chunk(db, export, tenant_id, chunk)


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
