"""OpenAPI for what Litestar cannot infer: bodies and parameters that handlers read from the raw request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache, lru_cache
from typing import Any, Generic, TypeVar

import msgspec
from litestar import Litestar, Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Parameter,
    SecurityScheme,
)
from litestar.openapi.spec import RequestBody as Body
from litestar.response.base import ASGIResponse

Json = dict[str, Any]
T = TypeVar("T")

BEARER: list[dict[str, list[str]]] = [{"bearer": []}]

TEXT: Json = {"type": "string"}
OBJECT: Json = {"type": "object"}
TIME: Json = {"type": "string", "format": "date-time"}

PROBLEM: Json = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "code", "message"],
                "properties": {name: {"type": "string"} for name in ("path", "code", "message")},
            },
        },
    },
}

ACCEPTED: Json = {
    "type": "object",
    "required": ["command_id", "type", "target", "state", "accepted_at"],
    "properties": {
        "command_id": {"type": "string"},
        "type": {"type": "string"},
        "target": {"type": "string"},
        "state": {"const": "accepted"},
        "accepted_at": TIME,
    },
}


def config(version: str) -> OpenAPIConfig:
    bearer = SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")
    return OpenAPIConfig(
        title="Millwright",
        version=version,
        description="Commands are accepted durably and applied exactly once, in order per target.",
        # Not "/api": Litestar puts a catch-all of its own below this path.
        path="/api/docs",
        render_plugins=[SwaggerRenderPlugin(path="/")],
        components=Components(security_schemes={"bearer": bearer}),
        use_handler_docstrings=True,
    )


def route() -> HTTPRouteHandler:
    """The route of the OpenAPI document, rendered on its first request."""

    @get("/api/openapi.json", include_in_schema=False, sync_to_thread=False)
    def document(request: Request[Any, Any, Any]) -> ASGIResponse:
        return ASGIResponse(body=_render(request.app), media_type="application/vnd.oai.openapi+json")

    return document


@lru_cache(4)
def _render(app: Litestar) -> bytes:
    return msgspec.json.encode(app.openapi_schema.to_schema())


@cache
def schema_of(payload: type[msgspec.Struct]) -> Json:
    """A payload's JSON schema with its references inlined. Cached: do not change it."""
    (schema,), parts = msgspec.json.schema_components([payload], ref_template="{name}")
    inlined: Json = _inline(schema, parts)
    return inlined


def _inline(value: Any, parts: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        if "$ref" in value:
            return _inline(deepcopy(parts[value["$ref"]]), parts)
        if "anyOf" in value:
            # It refers to parts by name, which are inlined; each part has its tag as an enum.
            value.pop("discriminator", None)
        return {name: _inline(inner, parts) for name, inner in value.items()}
    if isinstance(value, list):
        return [_inline(inner, parts) for inner in value]
    return value


def parameter(
    name: str, place: str, description: str, *, required: bool = False, schema: Json = TEXT
) -> Parameter:
    return Parameter(
        name=name,
        param_in=place,
        description=description,
        required=required,
        schema=schema,  # type: ignore[arg-type]  # rendered as it is
    )


def content(schemas: Mapping[str, Json]) -> dict[str, OpenAPIMediaType]:
    """Schemas by media type."""
    return {
        media_type: OpenAPIMediaType(schema=schema)  # type: ignore[arg-type]  # rendered as it is
        for media_type, schema in schemas.items()
    }


Answers = Mapping[str, tuple[str, Json | None]]
"""By status: the description, and the schema of the body if there is one."""


class Items(msgspec.Struct, Generic[T], frozen=True):
    """The response of a list without pages."""

    items: list[T]


def answering(description: str, answer: type[msgspec.Struct]) -> Answers:
    """A 200 with this struct as its body."""
    return {"200": (description, schema_of(answer))}


def page_of(item: Json = OBJECT) -> Answers:
    """A 200 with one page of a list."""
    members = {"items": {"type": "array", "items": item}, "cursor": {"type": ["string", "null"]}}
    return {"200": ("One page", {"type": "object", "required": [*members], "properties": members})}


def operation(
    *,
    parameters: Sequence[Parameter] = (),
    request: Json | None = None,
    request_required: bool = True,
    bodies: Mapping[str, Json] | None = None,
    responses: Answers | None = None,
    response_types: Sequence[str] = ("application/json",),
) -> type[Operation]:
    """An operation class with the parameters, body and refusals of a handler that reads the raw request.

    `request` is the schema of a JSON body, `bodies` are others by media type. `responses` add to or replace
    the usual ones; those that are not refusals have one of `response_types`.
    """
    accepted = bodies or ({"application/json": request} if request is not None else None)

    class Described(Operation):
        def __init__(self, **fields: Any) -> None:
            super().__init__(**fields)
            self.parameters = [*(self.parameters or []), *parameters] or None
            if accepted is not None:
                self.request_body = Body(content=content(accepted), required=request_required)
            # Litestar documents error bodies of its own, which are never sent.
            answers = {
                status: answer for status, answer in (self.responses or {}).items() if status.startswith("2")
            }
            own = responses or {}
            if any(status.startswith("2") for status in own):
                answers.clear()
            documented = {**_refusals(self), **own}
            self.responses = answers | {
                status: _answer(
                    *documented[status], response_types if status.startswith("2") else PROBLEM_TYPES
                )
                for status in sorted(documented)
            }

    return Described


def _refusals(described: Operation) -> Answers:
    """The refusals that any operation with such parameters and body may answer with."""
    read = {
        parameter.param_in for parameter in described.parameters or () if isinstance(parameter, Parameter)
    }
    refusals: dict[str, tuple[str, Json | None]] = {"503": ("The store does not answer now", PROBLEM)}
    if described.security:
        refusals["401"] = ("Not signed in, or no longer", PROBLEM)
        refusals["403"] = ("Not permitted, where a permission is needed", PROBLEM)
    if "path" in read:
        refusals["404"] = ("There is none, or none that this user may see", PROBLEM)
    if described.request_body:
        refusals["413"] = ("The body is too large", PROBLEM)
        refusals["415"] = ("The body is of another media type", PROBLEM)
    if described.request_body or "query" in read:
        refusals["422"] = ("Invalid; `errors` names the fields", PROBLEM)
    return refusals


PROBLEM_TYPES = ("application/problem+json",)


def _answer(description: str, schema: Json | None, media_types: Sequence[str]) -> OpenAPIResponse:
    bodies = content(dict.fromkeys(media_types, schema)) if schema else None
    return OpenAPIResponse(description=description, content=bodies)
