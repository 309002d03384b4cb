"""UUIDv7 (RFC 9562, section 5.7) from a time and random bytes, both passed in."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

UUID7 = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"

Id = Annotated[str, Meta(pattern=UUID7, max_length=36, description="a UUIDv7, lower case")]


def uuid7(at: datetime, random: bytes) -> str:
    """The id for the millisecond of `at`; `random` is 10 bytes, of which 74 bits are used."""
    # The float is now and then a millisecond short before September 2020 and from 2033 on. It stays so: ids
    # derived from a time are stored, and the same time must always give the same id.
    milliseconds = int(at.timestamp() * 1000)
    noise = int.from_bytes(random[:10], "big")
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80
    value |= 0x7 << 76 | (noise >> 62 & 0xFFF) << 64
    value |= 0b10 << 62 | noise & 0x3FFF_FFFF_FFFF_FFFF
    # By hand, because a UUID object doubles the cost and every request makes two or three ids. Through bytes,
    # because formatting so long an integer costs several times as much.
    text = value.to_bytes(16, "big").hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
