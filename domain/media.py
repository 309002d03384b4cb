"""The media type of a file, detected from its bytes alone; a claimed Content-Type is only compared with
it."""

from __future__ import annotations

import codecs

IMAGES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/heic", "image/heif")
PDF = "application/pdf"
TEXT = "text/plain"
MEDIA_TYPES = (*IMAGES, PDF, TEXT)
"""All types that are accepted. None is one that a browser would run: HTML and SVG are served as plain
text."""

HEAD_BYTES = 512
"""All signatures lie within this many bytes."""

_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", PDF),
)
_HEVC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}
_CONTROLS = {*range(32), 127} - {ord(sign) for sign in "\t\n\r\f"}
_NO_TEXT = str.maketrans(dict.fromkeys(_CONTROLS, ""))
_ALIASES = {"image/jpg": "image/jpeg", "image/heif": "image/heic"}
_UNSPECIFIC = ("", "application/octet-stream")


class Unknown(Exception):
    """The bytes are of no accepted type."""


class Sniffer:
    """Detects the type of a file that is fed in pieces of any size; buffers only its first HEAD_BYTES."""

    def __init__(self) -> None:
        self._head = b""
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self.media_type: str | None = None
        """Set once HEAD_BYTES or the end have been read."""

    def feed(self, piece: bytes) -> None:
        """Raises: Unknown: as soon as no accepted type is possible."""
        if self.media_type is None:
            self._head += piece
            if len(self._head) >= HEAD_BYTES:
                self._decide()
        elif self.media_type == TEXT:
            self._read(piece)

    def end(self) -> str:
        """The media type, once the whole file has been fed. Raises: Unknown."""
        if self.media_type is None:
            self._decide()
        if self.media_type == TEXT:
            self._read(b"", final=True)
        assert self.media_type is not None, "decided above"
        return self.media_type

    def _decide(self) -> None:
        self.media_type = _by_signature(self._head) or TEXT
        if self.media_type == TEXT:
            self._read(self._head)
        self._head = b""

    def _read(self, piece: bytes, *, final: bool = False) -> None:
        try:
            text = self._decode(piece, final)
        except UnicodeDecodeError:
            raise Unknown from None
        if len(text.translate(_NO_TEXT)) != len(text):
            raise Unknown


def _by_signature(head: bytes) -> str | None:
    """None: no known signature, so it may be text."""
    for signature, media_type in _SIGNATURES:
        if head.startswith(signature):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return _heif(head) if head[4:8] == b"ftyp" else None


def _heif(head: bytes) -> str | None:
    """HEIC or HEIF, by the brands of an ISO media file (major brand, version, compatible brands)."""
    box = head[: int.from_bytes(head[:4], "big")]
    brands = {box[at : at + 4] for at in (8, *range(16, len(box) - 3, 4))}
    if brands & _HEVC:
        return "image/heic"
    return "image/heif" if b"mif1" in brands and b"avif" not in brands else None


def agrees(claimed: str, media_type: str) -> bool:
    """Whether a claimed Content-Type matches the detected type, or says nothing; parameters are ignored."""
    claim = claimed.partition(";")[0].strip().lower()
    return claim in _UNSPECIFIC or _ALIASES.get(claim, claim) == _ALIASES.get(media_type, media_type)
