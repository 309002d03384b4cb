"""What kind of file some bytes are, told from the bytes alone: what a sender calls them is only compared."""

from __future__ import annotations

import codecs

IMAGES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/heic", "image/heif")
PDF = "application/pdf"
TEXT = "text/plain"
MEDIA_TYPES = (*IMAGES, PDF, TEXT)
"""All that is kept. What a browser would run (HTML, SVG) is among none of them: as text it shows as text."""

HEAD_BYTES = 512
"""The signatures of all of them lie within."""

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
_SAYS_NOTHING = ("", "application/octet-stream")


class Unknown(Exception):
    """These bytes are of no kind that is kept."""


class Sniffer:
    """Fed piece by piece, pieces of any size; remembers no more than the head."""

    def __init__(self) -> None:
        self._head = b""
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self.media_type: str | None = None
        """Known once HEAD_BYTES have come, or the end."""

    def feed(self, piece: bytes) -> None:
        """Raises: Unknown, as soon as it is certain."""
        if self.media_type is None:
            self._head += piece
            if len(self._head) >= HEAD_BYTES:
                self._decide()
        elif self.media_type == TEXT:
            self._read(piece)

    def end(self) -> str:
        """The kind, when all has come. Raises: Unknown."""
        if self.media_type is None:
            self._decide()
        if self.media_type == TEXT:
            self._read(b"", final=True)
        assert self.media_type is not None, "decided above"
        return self.media_type

    def _decide(self) -> None:
        self.media_type = _of(self._head) or TEXT
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


def _of(head: bytes) -> str | None:
    """By signature; text has none."""
    for signature, media_type in _SIGNATURES:
        if head.startswith(signature):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return _heif(head) if head[4:8] == b"ftyp" else None


def _heif(head: bytes) -> str | None:
    """By the brands of an ISO media file: the major one, a version, the compatible ones."""
    box = head[: int.from_bytes(head[:4], "big")]
    brands = {box[at : at + 4] for at in (8, *range(16, len(box) - 3, 4))}
    if brands & _HEVC:
        return "image/heic"
    return "image/heif" if b"mif1" in brands and b"avif" not in brands else None


def agrees(claimed: str, media_type: str) -> bool:
    """Whether a Content-Type says so, or says nothing; its parameters do not count."""
    said = claimed.partition(";")[0].strip().lower()
    return said in _SAYS_NOTHING or _ALIASES.get(said, said) == _ALIASES.get(media_type, media_type)
