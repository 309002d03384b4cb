"""Reads and decodes request bodies; a bad one becomes a problem that names the field."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from litestar import Request
from litestar.types import Receive

from adapters.commands import json_limits as storable
from adapters.commands.json_limits import MAX_DEPTH, pointer_step
from api.http.problem import Fault, Problem, invalid

MAX_BYTES = 256 * 1024
JSON_TYPE = re.compile(r"application/json\s*(;\s*charset\s*=\s*\"?utf-8\"?\s*)?;?", re.IGNORECASE)

Headers = dict[bytes, bytes]

T = TypeVar("T")

_plain = msgspec.json.Decoder()


class Gone(Problem):
    """The client disconnected before it had sent the whole body; nobody reads the response."""

    def __init__(self) -> None:
        super().__init__(400, "client_gone", "the connection closed before the body was whole")


def check_media_type(headers: Headers) -> None:
    """Raises: Problem 415."""
    media_type = headers.get(b"content-type", b"").decode("latin-1").strip()
    if not JSON_TYPE.fullmatch(media_type) or headers.get(b"content-encoding", b"identity") != b"identity":
        fault = Fault(
            "", "unsupported_media_type", "the body must be application/json in UTF-8, not compressed"
        )
        raise Problem(415, "unsupported_media_type", fault.message, faults=[fault])


async def read(headers: Headers, receive: Receive) -> bytes:
    """The whole body, at most MAX_BYTES. Raises: Problem 413, 400."""
    chunks = [chunk async for chunk in pieces(headers, receive)]
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def pieces(headers: Headers, receive: Receive, *, most: int = MAX_BYTES) -> AsyncIterator[bytes]:
    """Yields the body's chunks, `most` bytes in total whatever Content-Length claims.

    Raises: Problem 413, 400.
    """
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > most:
        raise _too_large(most)
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Gone
        chunk = message["body"]
        size += len(chunk)
        if size > most:
            raise _too_large(most)
        yield chunk
        if not message["more_body"]:
            return


def _too_large(most: int) -> Problem:
    fault = Fault("", "too_large", f"a body has at most {most} bytes here")
    return Problem(413, "payload_too_large", fault.message, faults=[fault])


async def read_json(request: Request[Any, Any, Any], struct: type[T]) -> T:
    """The JSON body as `struct`, where its original form is not stored. Raises: Problem 413, 415, 422."""
    headers: Headers = dict(request.scope["headers"])
    check_media_type(headers)
    typed, plain = decode(await read(headers, request.receive), msgspec.json.Decoder(struct))
    refuse_unstorable(plain)
    value: T = typed
    return value


def decode(body: bytes, decoder: msgspec.json.Decoder[Any]) -> tuple[Any, Any]:
    """The body decoded twice: typed, and as plain values. Raises: Problem 422 naming the field."""
    try:
        typed = decoder.decode(body)
        plain = _plain.decode(body)
    except msgspec.ValidationError as error:
        raise invalid(fault_of(str(error), decoder.type)) from None
    except UnicodeDecodeError:
        raise invalid(_malformed("text that is not UTF-8", body)) from None
    except msgspec.DecodeError as error:
        raise invalid(_malformed(str(error), body)) from None
    except RecursionError:
        raise invalid(Fault("", "too_deep", f"nested deeper than {MAX_DEPTH} levels")) from None
    if b"\\u0000" in body:
        refuse_unstorable(plain)
    return typed, plain


# msgspec ends a message with the place: " - at `$.checklist[0].text`"; the key of a mapping is `$...key`.
_PLACE = re.compile(r" - at `(?:key in )?\$?([^`]*)`$")
_NAMED = re.compile(r"(?:unknown|required) field `([^`]*)`")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


def fault_of(message: str, expected: Any = None) -> Fault:
    """A msgspec error message as a fault: its place as a JSON pointer, and a code.

    `expected` is the decoded type: where a pattern in it has a description, the message quotes that.
    """
    place = _PLACE.search(message)
    text = message[: place.start()] if place else message
    path = "".join(
        f"/{pointer_step(name)}" if name else f"/{index}".replace("/...", "/*")
        for name, index in _STEP.findall(place[1] if place else "")
    )
    if named := _NAMED.search(text):
        path += f"/{pointer_step(named[1])}"
    return Fault(path, _code(text), _in_words(text, expected)[:500])


_BY_PATTERN = "Expected `str` matching regex "


def _in_words(text: str, expected: Any) -> str:
    if expected is None or not text.startswith(_BY_PATTERN):
        return text
    meaning = _patterns(expected).get(text.removeprefix(_BY_PATTERN))
    return f"Expected `str`: {meaning}" if meaning else text


@lru_cache(256)
def _patterns(expected: Any) -> dict[str, str]:
    """The descriptions of the patterns in a type, by the pattern as msgspec quotes it."""
    schemas, parts = msgspec.json.schema_components([expected])
    return dict(_described([*schemas, parts]))


def _described(schema: Any) -> Iterator[tuple[str, str]]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str) and isinstance(schema.get("description"), str):
            yield repr(schema["pattern"]), schema["description"]
        schema = schema.values()
    elif not isinstance(schema, list | tuple):
        return
    for inner in schema:
        yield from _described(inner)


_CODES = (
    ("unknown field", "unknown_field"),
    ("required field", "missing_field"),
    ("matching regex", "malformed"),
    ("of length", "wrong_length"),
    ("enum value", "unknown_value"),
    ("out of range", "out_of_range"),
    (">", "out_of_range"),
    ("<", "out_of_range"),
    ("Expected", "wrong_type"),
)


def _code(text: str) -> str:
    return next((code for sign, code in _CODES if sign in text), "invalid")


_LAST_KEY = re.compile(rb'"((?:[^"\\]|\\.){1,100})"\s*:')


def _malformed(reason: str, body: bytes) -> Fault:
    """The fault for a body that is not JSON: names the offending field, or the last key before the text
    ends."""
    try:
        # The standard library accepts near-JSON (lone surrogates, NaN), so that the fault can name the field.
        lenient = json.loads(body.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return _broken_off(reason, body)
    flaw = next(storable.flaws(lenient), None)
    return Fault(*flaw) if flaw else _broken_off(reason, body)


def _broken_off(reason: str, body: bytes) -> Fault:
    cut = re.search(r"\(byte (\d+)\)$", reason)
    keys = _LAST_KEY.findall(body[: int(cut[1]) if cut else len(body)])
    path = f"/{pointer_step(keys[-1].decode('utf-8', 'replace'))}" if keys else ""
    return Fault(path, "malformed_json", f"the body is not JSON: {reason}")


def refuse_unstorable(plain: Any) -> None:
    """Raises: Problem 422 for JSON values that MongoDB or a reader cannot hold."""
    for flaw in storable.flaws(plain):
        raise invalid(Fault(*flaw))
