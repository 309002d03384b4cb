"""Reading what was sent, and naming what is wrong with it. Nothing here is fatal to anyone but the sender."""

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
    """The client hung up before its body was whole; nobody reads the answer."""

    def __init__(self) -> None:
        super().__init__(400, "client_gone", "the connection closed before the body was whole")


def check_media_type(headers: Headers) -> None:
    """Raises: Problem 415."""
    given = headers.get(b"content-type", b"").decode("latin-1").strip()
    if not JSON_TYPE.fullmatch(given) or headers.get(b"content-encoding", b"identity") != b"identity":
        fault = Fault(
            "", "unsupported_media_type", "the body must be application/json in UTF-8, not compressed"
        )
        raise Problem(415, "unsupported_media_type", fault.message, faults=[fault])


async def read(headers: Headers, receive: Receive) -> bytes:
    """The whole body, at most MAX_BYTES. Raises: Problem 413, 400."""
    chunks = [chunk async for chunk in pieces(headers, receive)]
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def pieces(headers: Headers, receive: Receive, *, most: int = MAX_BYTES) -> AsyncIterator[bytes]:
    """The body as it comes, at most so many bytes whatever its length claims. Raises: Problem 413, 400."""
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


async def said(request: Request[Any, Any, Any], wanted: type[T]) -> T:
    """What a JSON body says of which nothing is kept as it came. Raises: Problem 413, 415, 422."""
    headers: Headers = dict(request.scope["headers"])
    check_media_type(headers)
    typed, plain = decode(await read(headers, request.receive), msgspec.json.Decoder(wanted))
    refuse_unstorable(plain)
    found: T = typed
    return found


def decode(body: bytes, decoder: msgspec.json.Decoder[Any]) -> tuple[Any, Any]:
    """What the body says, typed and as it came. Raises: Problem 422 naming the field."""
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


def fault_of(message: str, wanted: Any = None) -> Fault:
    """A message of msgspec as a fault: its place as a JSON pointer, its code a word.

    `wanted` is the type that was to be read: of a pattern in it, its description is told, if it has one.
    """
    place = _PLACE.search(message)
    said = message[: place.start()] if place else message
    path = "".join(
        f"/{pointer_step(name)}" if name else f"/{index}".replace("/...", "/*")
        for name, index in _STEP.findall(place[1] if place else "")
    )
    if named := _NAMED.search(said):
        path += f"/{pointer_step(named[1])}"
    return Fault(path, _code(said), _in_words(said, wanted)[:500])


_BY_PATTERN = "Expected `str` matching regex "


def _in_words(said: str, wanted: Any) -> str:
    if wanted is None or not said.startswith(_BY_PATTERN):
        return said
    meaning = _patterns(wanted).get(said.removeprefix(_BY_PATTERN))
    return f"Expected `str`: {meaning}" if meaning else said


@lru_cache(256)
def _patterns(wanted: Any) -> dict[str, str]:
    """What the patterns in a type stand for, each as msgspec quotes it."""
    schemas, parts = msgspec.json.schema_components([wanted])
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


def _code(said: str) -> str:
    return next((code for sign, code in _CODES if sign in said), "invalid")


_LAST_KEY = re.compile(rb'"((?:[^"\\]|\\.){1,100})"\s*:')


def _malformed(reason: str, body: bytes) -> Fault:
    """Names the field that holds what is not JSON; or the last one begun before the text broke off."""
    try:
        # The standard library reads what is almost JSON (lone surrogates, NaN), so that it can be pointed at.
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
    """Raises: Problem 422 for what JSON can say and the store or a reader cannot hold."""
    for flaw in storable.flaws(plain):
        raise invalid(Fault(*flaw))
