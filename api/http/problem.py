"""Refusals as RFC 9457 problem details. Only this package knows HTTP statuses.

An unexpected exception becomes a 500 that tells nothing but the request's id, under which the log has the
traceback.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from zlib import crc32

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException
from litestar.response.base import ASGIResponse, Response
from loguru import logger
from pymongo.errors import ExecutionTimeout, PyMongoError

from adapters.commands.acceptance import KeyReused, Overloaded
from adapters.mongo.client import Contention, Unavailable, UnknownOutcome, Unwritable
from api.http.encoding import encode, plain_value

MEDIA_TYPE = "application/problem+json"
RETRY_WITHIN_S = 3
"""Retry-After is spread over this many seconds, so that clients do not all return at once."""


class Fault(msgspec.Struct, frozen=True):
    """One fault of a request. `path` is a JSON pointer into it; "" means the whole."""

    path: str
    code: str
    message: str


class Problem(Exception):
    """A refusal, sent to the client as it stands. `extra` members are added to the body."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        faults: list[Fault] | None = None,
        headers: dict[str, str] | None = None,
        retry_soon: bool = False,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.faults = faults
        self.headers = headers or {}
        self.retry_soon = retry_soon
        self.extra = extra

    def response_headers(self, request_id: str) -> dict[str, str]:
        """The headers; with `retry_soon`, a Retry-After of 1 to RETRY_WITHIN_S seconds derived from the
        request's id."""
        if not self.retry_soon:
            return self.headers
        seconds = 1 + crc32(request_id.encode()) % RETRY_WITHIN_S
        return self.headers | {"Retry-After": str(seconds)}

    def body(self, request_id: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "type": f"urn:millwright:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
        }
        if self.faults is not None:
            body["errors"] = self.faults
        return body | self.extra


def invalid(*faults: Fault, code: str = "invalid_payload") -> Problem:
    """422: the request is malformed; each fault names its field."""
    return Problem(422, code, "; ".join(fault.message for fault in faults), faults=list(faults))


def not_found(what: str, id: str) -> Problem:
    return Problem(404, "not_found", f"there is no {what} {id}")


def unavailable(
    then: str = "the outcome is unknown: repeat the same body with the same key",
) -> Problem:
    """503: MongoDB cannot confirm a majority write now; whether this one was stored is unknown."""
    return Problem(503, "store_unavailable", f"the store does not answer now; {then}", retry_soon=True)


def overloaded(detail: str = "more commands wait for the store than we hold") -> Problem:
    """429: nothing of this request was stored."""
    return Problem(
        429,
        "overloaded",
        f"{detail}; nothing was kept of this one",
        retry_soon=True,
    )


def as_problem(error: Exception) -> Problem:
    """The problem for any exception. An unexpected one reveals nothing of itself."""
    match error:
        case Problem():
            return error
        # The driver also raises it when the store is far or silent, which says nothing about the query.
        case ExecutionTimeout() if (error.details or {}).get("codeName") == "MaxTimeMSExpired":
            return Problem(503, "too_slow", "this query takes too long: narrow it", retry_soon=True)
        case Unavailable() | UnknownOutcome() | Contention() | TimeoutError() | PyMongoError():
            return unavailable()
        case Overloaded():
            return overloaded()
        case KeyReused():
            return Problem(422, "idempotency_key_reused", str(error), command_id=error.first)
        case Unwritable():
            return invalid(Fault("", "unstorable", str(error)))
        case HTTPException():
            return _from_litestar(error)
        case _:
            return Problem(500, "internal_error", "this request met a fault of ours")


def _from_litestar(error: HTTPException) -> Problem:
    """Litestar's own refusals: no such route, wrong method, a path or parameter that does not parse."""
    phrase = HTTPStatus(error.status_code).phrase
    code = (
        "internal_error" if error.status_code >= 500 else phrase.lower().replace(" ", "_").replace("-", "_")
    )
    headers = dict(error.headers or {})
    return Problem(error.status_code, code, phrase, headers=headers)


def request_id_of(scope: Any) -> str:
    """The id that the middleware gave this request."""
    request_id: str = scope["state"]["request_id"]
    return request_id


def answer(problem: Problem, request_id: str) -> ASGIResponse:
    return ASGIResponse(
        body=encode(problem.body(request_id)),
        status_code=problem.status,
        headers=problem.response_headers(request_id),
        media_type=MEDIA_TYPE,
    )


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Litestar's handler for every exception."""
    problem = as_problem(error)
    if problem.code == "store_unavailable" and request.method in ("GET", "HEAD"):
        problem = unavailable("nothing was changed: repeat the request")
    request_id = request_id_of(request.scope)
    if problem.status == 500:
        place = f"{request.method} {request.url.path}"
        logger.bind(request_id=request_id, place=place).opt(exception=error).error("request failed")
    return Response(
        msgspec.to_builtins(problem.body(request_id), builtin_types=(), enc_hook=plain_value),
        status_code=problem.status,
        headers=problem.response_headers(request_id),
        media_type=MEDIA_TYPE,
    )
