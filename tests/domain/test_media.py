"""What bytes are, whatever they are called and however they are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.media import HEAD_BYTES, Sniffer, Unknown, agrees

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 "


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    brands = major + b"\x00\x00\x00\x00" + b"".join(compatible)
    return (8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands


def told(*pieces: bytes) -> str | None:
    sniffer = Sniffer()
    try:
        for piece in pieces:
            sniffer.feed(piece)
        return sniffer.end()
    except Unknown:
        return None


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (JPEG, "image/jpeg"),
        (PNG, "image/png"),
        (b"GIF89a\x01\x00", "image/gif"),
        (WEBP, "image/webp"),
        (ftyp(b"heic", b"mif1"), "image/heic"),
        (ftyp(b"mif1", b"heic"), "image/heic"),
        (ftyp(b"mif1", b"miaf"), "image/heif"),
        (b"%PDF-1.7\n\xe2\xe3", "application/pdf"),
        ("Lager prüfen\r\n".encode(), "text/plain"),
        (b"<script>alert(1)</script>", "text/plain"),
        (b"", "text/plain"),
        (ftyp(b"avif", b"mif1"), None),
        (ftyp(b"isom", b"mp42"), None),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", None),
        (b"MZ\x90\x00\x03", None),
        (b"PK\x03\x04", None),
        (b"text with \x00 in it", None),
        (b"caf\xe9", None),
        (b"cut in the middle of a letter \xc3", None),
    ],
)
def test_a_kind_is_told_from_its_first_bytes_and_everything_else_is_unknown(
    head: bytes, media_type: str | None
) -> None:
    assert told(head) == media_type


def test_text_is_read_to_its_end() -> None:
    assert told(b"a" * HEAD_BYTES, b"b" * 10_000, b"\x1b[31m") is None


@given(
    whole=st.one_of(
        st.text(alphabet="aß€😀\n", max_size=1_500).map(str.encode),
        st.binary(max_size=1_500).map(lambda rest: JPEG + rest),
        st.binary(max_size=1_500),
    ),
    cuts=st.lists(st.integers(0, 1_500), max_size=8),
)
def test_it_does_not_matter_where_a_body_is_cut(whole: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[start:end] for start, end in pairwise(places)]

    assert told(*pieces) == told(whole)


def test_what_a_sender_calls_it_is_only_compared() -> None:
    for claimed in ("", "application/octet-stream", "image/jpeg", "IMAGE/JPG", "image/jpeg; q=1"):
        assert agrees(claimed, "image/jpeg")
    assert agrees("image/heif", "image/heic")
    for claimed in ("image/png", "text/html", "image/svg+xml", "nonsense"):
        assert not agrees(claimed, "image/jpeg")
    assert not agrees("text/html", "text/plain")
