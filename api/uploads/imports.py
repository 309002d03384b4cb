"""POST /api/imports/work-orders, its progress and its report. The file is stored before the response."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Any, TypeVar, get_args

import anyio.to_thread
import msgspec
import pymongo
from litestar import Request, get, post
from litestar.datastructures import UploadFile
from litestar.exceptions import InternalServerException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from msgspec import Meta
from pymongo.database import Database

from adapters.imports import report as import_report
from adapters.imports import store as imports
from adapters.imports.report import ImportView, Outcome
from adapters.mongo.client import Document
from api.http.body import Gone, fault_of, pieces
from api.http.encoding import encode
from api.http.openapi import BEARER, PROBLEM, TEXT, Json, answering, operation, page_of, parameter, schema_of
from api.http.paging import take_limit
from api.http.problem import Fault, Problem, invalid, not_found
from api.http.query import conditions, parse
from api.identity.acts import Acting
from domain.identity.actor import Actor
from domain.importing.mapping import ImportName, Mapping
from domain.importing.table import MAX_BYTES, BadFile

PERMISSION = "importexport.import"
STORED_WITHIN = timedelta(seconds=60)
"""The driver writes up to 32 MiB of a file at once."""

SPARE_BYTES = 1024 * 1024
"""For the parts beside the file in a multipart body."""

IN_MEMORY = 1024 * 1024
PIECE = 256 * 1024
"""Of a multipart body, which waits on disk: many large files that come at once are not all held."""

MOST_ROWS = 200
MOST_LINE = 2**31
LONGEST_MAPPING = 256 * 1024
"""In characters: it is part of the import's document, and of every response about it."""

ABOUT = ("name", "mapping", "dry_run")
"""Fields about the file, from the query or from the parts of a multipart body."""

T = TypeVar("T")


class Imports:
    """`db` is the synchronous database; it is used in threads."""

    def __init__(
        self,
        db: Database[Any],
        acting: Acting,
    ) -> None:
        self._db = db
        self._acting = acting

    async def submit(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        """Stores the file and the import; 202. Raises: Problem 413, 415, 422 naming the fault."""
        actor = await self._acting.actor(request, PERMISSION)
        with SpooledTemporaryFile(max_size=IN_MEMORY) as file:
            parameters = parse(request.scope["query_string"])
            fields = {name: parameters.pop(name) for name in ABOUT if name in parameters}
            # A misspelled dry_run would be an import.
            conditions(parameters, {})
            form_fields = await _receive(request, file)
            fields |= form_fields
            place = {name: f"/{name}" if name in form_fields else f"/query/{name}" for name in ABOUT}
            name = _typed(fields.get("name"), ImportName, place["name"])
            mapping = _mapping(fields.get("mapping"), place["mapping"])
            dry_run = _typed(fields.get("dry_run", False), bool, place["dry_run"])
            file_name = str(fields.get("file_name") or f"{name}.csv")[:200]
            file.seek(0)
            id = self._acting.new_id()  # on the event loop: two threads could get the same id

            def store() -> Document:
                with pymongo.timeout(STORED_WITHIN.total_seconds()):
                    return imports.submit(
                        self._db,
                        file,
                        id=id,
                        tenant_id=actor.tenant_id,
                        user_id=actor.user_id or "",
                        name=name,
                        mapping=mapping,
                        file_name=file_name,
                        dry_run=dry_run,
                        at=self._acting.now(),
                    )

            try:
                made = await anyio.to_thread.run_sync(store)
            except BadFile as bad:
                status = 413 if bad.code in ("too_large", "too_many_lines") else 422
                raise Problem(
                    status, bad.code, bad.message, faults=[Fault("/file", bad.code, bad.message)]
                ) from None
        location = f"/api/imports/{made['_id']}"
        body = encode(import_report.view_with_tally(made, []))
        return ASGIResponse(body=body, status_code=202, headers={"location": location})

    async def show(self, request: Request[Any, Any, Any], id: str) -> ASGIResponse:
        document = await self._find(await self._acting.actor(request, PERMISSION), id)
        return ASGIResponse(body=encode(await self._shown(document)))

    async def rows(self, request: Request[Any, Any, Any], id: str) -> ASGIResponse:
        actor = await self._acting.actor(request, PERMISSION)
        await self._find(actor, id)
        parameters = {"limit": str(MOST_ROWS)} | parse(request.scope["query_string"])
        limit = take_limit(parameters)
        outcome = _typed(parameters.pop("outcome", None), Outcome | None, "/query/outcome")
        after = _typed(parameters.pop("cursor", 0), Annotated[int, Meta(ge=0, le=MOST_LINE)], "/query/cursor")
        conditions(parameters, {})

        def read() -> list[Document]:
            return import_report.rows(
                self._db, actor.tenant_id, id, outcome=outcome, after_line=after, limit=limit
            )

        items = await anyio.to_thread.run_sync(read)
        cursor = str(items[-1]["line"]) if len(items) == limit else None
        return ASGIResponse(body=encode({"items": items, "cursor": cursor}))

    async def cancel(self, request: Request[Any, Any, Any], id: str) -> ASGIResponse:
        actor = await self._acting.actor(request, PERMISSION)

        def act() -> bool:
            return imports.cancel(self._db, actor.tenant_id, id, at=self._acting.now())

        done = await anyio.to_thread.run_sync(act)
        document = await self._find(actor, id)
        if not done:
            raise Problem(409, "too_late", f"this import is {document['state']}", state=document["state"])
        return ASGIResponse(body=encode(await self._shown(document)))

    async def _find(self, actor: Actor, id: str) -> Document:
        document = await anyio.to_thread.run_sync(imports.find, self._db, actor.tenant_id, id)
        if document is None:
            raise not_found("import", id[:100])
        return document

    async def _shown(self, document: Document) -> ImportView:
        return await anyio.to_thread.run_sync(import_report.import_view, self._db, document)


async def _receive(request: Request[Any, Any, Any], file: IO[bytes]) -> dict[str, Any]:
    """Writes the bytes to `file`; returns the other fields of a multipart body. Raises: Problem 413, 415."""
    media_type, _ = request.content_type
    if media_type == "multipart/form-data":
        return await _receive_parts(request, file)
    if media_type != "text/csv":
        raise Problem(415, "unsupported_media_type", "the body must be text/csv or multipart/form-data")
    async for chunk in pieces(dict(request.scope["headers"]), request.receive, most=MAX_BYTES + SPARE_BYTES):
        file.write(chunk)
    return {}


async def _receive_parts(request: Request[Any, Any, Any], file: IO[bytes]) -> dict[str, Any]:
    try:
        form = await request.form()
    except InternalServerException:  # Litestar raises this when the client disconnects
        raise Gone from None
    except (UnicodeDecodeError, LookupError):
        raise invalid(Fault("", "malformed_text", "a part is not text of the charset it names")) from None
    part = form.get("file")
    if not isinstance(part, UploadFile):
        raise invalid(Fault("/file", "missing_field", "the part `file` holds the CSV file"))
    while piece := await part.read(PIECE):
        file.write(piece)
    for name in form:
        if name != "file" and name not in ABOUT:
            raise invalid(Fault(f"/{name[:100]}", "unknown_field", f"{name[:100]} is no part of an import"))
    fields = {name: form[name] for name in ABOUT if isinstance(form.get(name), str)}
    return fields | {"file_name": part.filename}


def _typed(value: Any, type: Any, path: str) -> Any:
    try:
        return msgspec.convert(value, type, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(Fault(path, "malformed", f"{path.rpartition('/')[2]}: {error}")) from None


def _mapping(text: Any, path: str) -> Mapping:
    """Raises: Problem 422."""
    if not isinstance(text, str) or not text:
        raise invalid(Fault(path, "missing_field", "mapping says, as JSON, which column holds what"))
    if len(text) > LONGEST_MAPPING:
        raise invalid(Fault(path, "too_large", f"mapping has at most {LONGEST_MAPPING} characters"))
    try:
        return msgspec.json.decode(text, type=Mapping)
    except msgspec.ValidationError as error:
        fault = fault_of(str(error), Mapping)
        raise invalid(Fault(f"{path}{fault.path}", fault.code, fault.message)) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise invalid(Fault(path, "malformed_json", f"mapping is not JSON: {error}")) from None


_FILE: Json = {"type": "string", "format": "binary"}
_BODIES: dict[str, Json] = {
    "text/csv": _FILE,
    "multipart/form-data": {
        "type": "object",
        "required": ["file"],
        "properties": {"file": _FILE, "name": TEXT, "mapping": TEXT, "dry_run": TEXT},
    },
}


def routes(imports: Imports) -> Iterator[HTTPRouteHandler]:
    about = (
        parameter("name", "query", "the same name means the same rows", required=True),
        parameter(
            "mapping", "query", "JSON: {columns, values?, currency?, status?, key_column?, date_format?}"
        ),
        parameter("dry_run", "query", "true: report, and change nothing"),
    )

    @post(
        "/api/imports/work-orders",
        status_code=202,
        request_max_body_size=MAX_BYTES + SPARE_BYTES,
        operation_id="imports.submit",
        operation_class=operation(
            parameters=about, bodies=_BODIES, responses={"202": ("The import", schema_of(ImportView))}
        ),
        summary="Import a CSV file of work orders",
        tags=["imports"],
        security=BEARER,
    )
    async def submit(request: Request[Any, Any, Any]) -> ASGIResponse:
        return await imports.submit(request)

    @get(
        "/api/imports/{id:str}",
        operation_id="imports.show",
        operation_class=operation(responses=answering("The import", ImportView)),
        summary="An import and its counts",
        tags=["imports"],
        security=BEARER,
    )
    async def show(request: Request[Any, Any, Any], id: FromPath[str]) -> ASGIResponse:
        return await imports.show(request, id)

    @get(
        "/api/imports/{id:str}/rows",
        operation_id="imports.rows",
        operation_class=operation(
            parameters=(
                parameter("outcome", "query", "one of: " + ", ".join(get_args(Outcome))),
                parameter("cursor", "query", "from the page before"),
                parameter("limit", "query", f"at most {MOST_ROWS}"),
            ),
            responses=page_of(),
        ),
        summary="Rows that were refused or changed, and why",
        tags=["imports"],
        security=BEARER,
    )
    async def rows(request: Request[Any, Any, Any], id: FromPath[str]) -> ASGIResponse:
        return await imports.rows(request, id)

    @post(
        "/api/imports/{id:str}/cancel",
        status_code=200,
        operation_id="imports.cancel",
        operation_class=operation(
            responses={**answering("The import", ImportView), "409": ("`too_late`: it has ended", PROBLEM)}
        ),
        summary="Send no further rows; what was sent stands",
        tags=["imports"],
        security=BEARER,
    )
    async def cancel(request: Request[Any, Any, Any], id: FromPath[str]) -> ASGIResponse:
        return await imports.cancel(request, id)

    yield from (submit, show, rows, cancel)
