"""The `Range` header (RFC 9110, 14): one range of bytes, or none."""

from __future__ import annotations

import re

import msgspec

from api.http.body import Headers
from api.http.problem import Problem

_RANGE = re.compile(rb"bytes=([0-9]{0,15})-([0-9]{0,15})")


class Span(msgspec.Struct, frozen=True):
    """The first byte and the number of bytes to send, of `whole` bytes."""

    start: int
    size: int
    whole: int

    @property
    def is_part(self) -> bool:
        return self.size != self.whole

    @property
    def content_range(self) -> str:
        return f"bytes {self.start}-{self.start + self.size - 1}/{self.whole}"


def requested_span(headers: Headers, etag: str, whole: int) -> Span:
    """The span to send: everything, unless the request has a single range and its `If-Range` matches the
    ETag.

    Raises: Problem 416: the range begins after the end.
    """
    match = _RANGE.fullmatch(headers.get(b"range", b""))
    if match is None or headers.get(b"if-range", etag.encode()) != etag.encode():
        return Span(0, whole, whole)
    first, last = match.groups()
    if not first and not last:
        return Span(0, whole, whole)
    start = int(first) if first else max(whole - int(last), 0)
    end = min(int(last), whole - 1) if first and last else whole - 1
    if first and last and int(last) < start:
        return Span(0, whole, whole)
    if start > end:
        raise Problem(
            416,
            "range_not_satisfiable",
            f"there are {whole} bytes",
            headers={"Content-Range": f"bytes */{whole}"},
        )
    return Span(start, end - start + 1, whole)
