"""What Litestar cannot see for itself: bodies and parameters that handlers read from the raw request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

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

BEARER: list[dict[str, list[str]]] = [{"bearer": []}]

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
        "accepted_at": {"type": "string", "format": "date-time"},
    },
}

TEXT: Json = {"type": "string"}


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
    """The document itself, made at the first question."""

    @get("/api/openapi.json", include_in_schema=False, sync_to_thread=False)
    def document(request: Request[Any, Any, Any]) -> ASGIResponse:
        return ASGIResponse(body=_render(request.app), media_type="application/vnd.oai.openapi+json")

    return document


@lru_cache(4)
def _render(app: Litestar) -> bytes:
    return msgspec.json.encode(app.openapi_schema.to_schema())


def schema_of(payload: type[msgspec.Struct]) -> Json:
    """One payload's JSON schema, with what it refers to put in place: payloads are trees."""
    (schema,), parts = msgspec.json.schema_components([payload], ref_template="{name}")
    inlined: Json = _inline(schema, parts)
    return inlined


def _inline(value: Any, parts: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        if "$ref" in value:
            return _inline(deepcopy(parts[value["$ref"]]), parts)
        if "anyOf" in value:
            # It points at parts by name, which are in place now; each has its own tag's word as an enum.
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


def content(schema: Json, media_type: str = "application/json") -> dict[str, OpenAPIMediaType]:
    return {media_type: OpenAPIMediaType(schema=schema)}  # type: ignore[arg-type]  # rendered as it is


def operation(
    *,
    parameters: Sequence[Parameter] = (),
    request: Json | None = None,
    request_required: bool = True,
    request_types: Sequence[str] = ("application/json",),
    responses: Mapping[str, tuple[str, Json]] | None = None,
    response_types: Sequence[str] = ("application/json",),
) -> type[Operation]:
    """An operation class that adds what the handler reads by itself. `responses` by status: said, schema.

    `request_types`, `response_types`: media types of the body, and of an answer that is no problem.
    """

    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            self.parameters = [*(self.parameters or []), *parameters] or None
            if request is not None:
                self.request_body = Body(content=_contents(request, request_types), required=request_required)
            if responses is not None:
                self.responses = {
                    status: OpenAPIResponse(
                        description=said,
                        content=_contents(schema, response_types if status[0] == "2" else PROBLEM_TYPES),
                    )
                    for status, (said, schema) in responses.items()
                }

    return Described


PROBLEM_TYPES = ("application/problem+json",)


def _contents(schema: Json, media_types: Sequence[str]) -> dict[str, OpenAPIMediaType]:
    return {name: medium for one in media_types for name, medium in content(schema, one).items()}
