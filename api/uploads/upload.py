"""Checks an upload while it streams: its hash, size and media type."""

from __future__ import annotations

import hashlib

from api.http.problem import Fault, Problem, invalid
from domain.media import MEDIA_TYPES, Sniffer, Unknown, agrees


class Arrival:
    """The hash, size and media type of the bytes received so far."""

    def __init__(self, sha256: str, claimed: str) -> None:
        self._sha256 = sha256
        self._claimed = claimed
        self._hash = hashlib.sha256()
        self._sniffer = Sniffer()
        self.size = 0

    def take(self, piece: bytes) -> None:
        """Adds a chunk. Raises: Problem 415, as soon as it is certain."""
        self._hash.update(piece)
        self.size += len(piece)
        try:
            self._sniffer.feed(piece)
        except Unknown:
            raise unsupported() from None
        if self._sniffer.media_type is not None:
            self._compare(self._sniffer.media_type)

    def end(self) -> str:
        """The media type of the whole file. Raises: Problem 422: the hash is not that of the path; 415."""
        actual = self._hash.hexdigest()
        if actual != self._sha256:
            message = f"the SHA-256 of what came ({self.size} bytes) is {actual}; nothing was kept"
            raise invalid(Fault("/path/sha256", "hash_mismatch", message), code="hash_mismatch")
        try:
            media_type = self._sniffer.end()
        except Unknown:
            raise unsupported() from None
        self._compare(media_type)
        return media_type

    def _compare(self, media_type: str) -> None:
        if not agrees(self._claimed, media_type):
            message = f"the bytes are {media_type}, which the Content-Type does not say"
            fault = Fault("/headers/Content-Type", "media_type_mismatch", message)
            raise Problem(415, fault.code, message, faults=[fault], media_type=media_type)


def unsupported(detail: str = f"kept are {', '.join(MEDIA_TYPES)}: these bytes are none of them") -> Problem:
    fault = Fault("", "unsupported_media_type", detail)
    return Problem(415, fault.code, detail, faults=[fault])
