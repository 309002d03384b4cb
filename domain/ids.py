"""UUIDv7 (RFC 9562, section 5.7) made from a time and random bytes that the caller gives."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

UUID7 = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"

Id = Annotated[str, Meta(pattern=UUID7, max_length=36, description="a UUIDv7, lower case")]


def uuid7(at: datetime, random: bytes) -> str:
    """The id for the millisecond of `at`, with 10 bytes of randomness (74 bits are used)."""
    # Before September 2020 and from 2033 on this falls a millisecond short now and then. Ids that are derived
    # from a time are stored: the same time must give the same id for ever.
    milliseconds = int(at.timestamp() * 1000)
    noise = int.from_bytes(random[:10], "big")
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80
    value |= 0x7 << 76 | (noise >> 62 & 0xFFF) << 64
    value |= 0b10 << 62 | noise & 0x3FFF_FFFF_FFFF_FFFF
    # By hand: a UUID object costs as much again, and every request makes two or three. By way of bytes:
    # formatting so long a number costs several times as much.
    text = value.to_bytes(16, "big").hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
