"""GET /api/{resource} and GET /api/{resource}/{id}, for every resource."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongo.client import Document, document_id, ids_of
from api.http.encoding import encode
from api.http.headers import client_has
from api.http.openapi import BEARER, operation, page_of, parameter
from api.http.paging import MOST, page, take_cursor, take_limit, take_order
from api.http.problem import not_found
from api.http.query import conditions, parse
from api.identity.authentication import Identity, need
from api.views import file_presence, names, webhooks, work_orders
from api.views.resource import Resource, plain, plan_view
from api.views.resources import ASSETS, PLANS, REQUESTS, RESOURCES, WEBHOOKS, WORK_ORDERS
from api.views.schemas import full_schema, list_schema
from domain.identity.actor import Actor


class Reader:
    """Reads resources, narrowed to what the actor may see."""

    def __init__(self, db: AsyncDatabase[Any], identity: Identity) -> None:
        self._db = db
        self._identity = identity

    async def actor(self, request: Request[Any, Any, Any], permission: str | None) -> Actor:
        """Raises: Problem 401, 403."""
        actor = await self._identity.actor(request.headers.get("authorization", ""))
        need(actor, permission)
        return actor

    async def listing(self, resource: Resource, request: Request[Any, Any, Any]) -> ASGIResponse:
        actor = await self.actor(request, resource.permission)
        parameters = parse(request.scope["query_string"])
        limit = take_limit(parameters)
        order = take_order(parameters, resource.sorts, resource.default_sort)
        after_cursor = take_cursor(parameters, order)
        selection = [
            resource.selects(actor),
            *([ids_of(actor.tenant_id)] if order.field == "_id" else []),
            *conditions(parameters, resource.filters),
            *([after_cursor] if after_cursor else []),
        ]
        current = await page(
            self._db[resource.collection], selection, order, limit, projection=resource.projection
        )
        items = await self._views(resource, actor, current.items)
        return ASGIResponse(body=encode({"items": items, "cursor": current.cursor}))

    async def one(self, resource: Resource, request: Request[Any, Any, Any], id: str) -> ASGIResponse:
        """The document with its ETag; 304 if the client has it already."""
        actor = await self.actor(request, resource.permission)
        document = await self.find(resource, actor, id)
        if resource is WORK_ORDERS:
            view = await work_orders.full_view(self._db, actor.tenant_id, document)
        else:
            (view,) = await self._views(resource, actor, [document])
        content = encode(view)
        etag = _etag(resource, document, content, changes=file_presence.has_any(view))
        headers = {"etag": etag, "cache-control": "private, no-cache"}
        if client_has(dict(request.scope["headers"]), etag):
            return ASGIResponse(status_code=304, headers=headers)
        return ASGIResponse(body=content, headers=headers)

    async def find(self, resource: Resource, actor: Actor, id: str) -> Document:
        """One document. Raises: Problem 404, both if it does not exist and if the actor may not see it."""
        query = {"$and": [resource.selects(actor), {"_id": document_id(actor.tenant_id, id)}]}
        document = await self._db[resource.collection].find_one(query, resource.projection)
        if document is None:
            raise not_found(resource.name, id[:100])
        return dict(document)

    async def _views(self, resource: Resource, actor: Actor, documents: list[Document]) -> list[Document]:
        if resource is WORK_ORDERS:
            return await work_orders.list_views(self._db, actor.tenant_id, documents)
        if resource is PLANS:
            return [plan_view(document) for document in documents]
        if resource is WEBHOOKS:
            return await webhooks.list_views(self._db, documents)
        if resource is REQUESTS:
            requests = [plain(document) for document in documents]
            await file_presence.add_availability(
                self._db, actor.tenant_id, [file for one in requests for file in one.get("attachments", ())]
            )
            return requests
        if resource is not ASSETS:
            return [plain(document) for document in documents]
        parents = [document.get("parent_id") for document in documents]
        asset_names = await names.of(self._db, "assets", actor.tenant_id, parents)
        return [
            plain(document) | {"parent": names.ref(document.get("parent_id"), asset_names)}
            for document in documents
        ]


def _etag(resource: Resource, document: Document, content: bytes, *, changes: bool) -> str:
    """The version as an ETag; with a digest of the content where that depends on more than the version."""
    version = document.get("version")
    if version is not None and not changes and not any(document.get(field) for field in resource.named):
        return f'"{version}"'
    return f'"{version or 0}-{blake2b(content, digest_size=8).hexdigest()}"'


def _needs(resource: Resource) -> str:
    return f"Needs `{resource.permission}`." if resource.permission else "One's own."


def routes(reader: Reader) -> Iterator[HTTPRouteHandler]:
    for resource in RESOURCES:
        yield _list_route(resource, reader)
        yield _one_route(resource, reader)


def _list_route(resource: Resource, reader: Reader) -> HTTPRouteHandler:
    parameters = [parameter(name, "query", filter_.meaning) for name, filter_ in resource.filters.items()]
    sorts = [*resource.sorts, *(f"-{name}" for name in resource.sorts)]
    parameters += [
        parameter(
            "sort", "query", f"default {resource.default_sort}", schema={"type": "string", "enum": sorts}
        ),
        parameter(
            "limit", "query", "rows of a page", schema={"type": "integer", "minimum": 1, "maximum": MOST}
        ),
        parameter("cursor", "query", "the `cursor` of the page before"),
    ]

    @get(
        f"/api/{resource.path}",
        name=f"{resource.path}.list",
        operation_id=f"{resource.path}.list",
        operation_class=operation(parameters=parameters, responses=page_of(list_schema(resource))),
        summary=f"List {resource.name}s",
        description=f"{_needs(resource)} Unknown parameters are refused.",
        tags=["read"],
        security=BEARER,
    )
    async def show(request: Request[Any, Any, Any]) -> ASGIResponse:
        return await reader.listing(resource, request)

    return show


def _one_route(resource: Resource, reader: Reader) -> HTTPRouteHandler:
    @get(
        f"/api/{resource.path}/{{id:str}}",
        name=f"{resource.path}.one",
        operation_id=f"{resource.path}.one",
        operation_class=operation(
            parameters=[parameter("If-None-Match", "header", "the ETag the client has")],
            responses={
                "200": ("The document", full_schema(resource)),
                "304": ("The client has it already", None),
            },
        ),
        summary=f"One {resource.name}",
        description=f"{_needs(resource)} Its ETag begins with the version; 304 if the client has it.",
        tags=["read"],
        security=BEARER,
    )
    async def show(request: Request[Any, Any, Any], id: FromPath[str]) -> ASGIResponse:
        return await reader.one(resource, request, id)

    return show
