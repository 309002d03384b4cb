"""Ids: what RFC 9562 says of a version 7, and never the same twice."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from adapters.process.ids import EACH, PAGE, Ids
from domain.ids import UUID7, uuid7

BEGAN = datetime(1970, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@given(st.integers(1_600_000_000_000, 1_999_999_999_999), st.binary(min_size=10, max_size=10))
def test_an_id_tells_its_millisecond_its_version_and_74_bits_of_its_noise(ms: int, noise: bytes) -> None:
    text = uuid7(BEGAN + timedelta(milliseconds=ms), noise)

    read = UUID(text)
    bits = int.from_bytes(noise, "big")
    assert str(read) == text
    assert re.fullmatch(UUID7, text)
    assert read.int >> 80 == ms
    assert (read.int >> 64 & 0xFFF, read.int & 2**62 - 1) == (bits >> 62 & 0xFFF, bits & 2**62 - 1)


def test_more_ids_of_one_millisecond_than_a_page_has_noise_for_all_differ() -> None:
    new_id = Ids(lambda: NOON)
    wanted = 3 * PAGE // EACH + 1

    assert len({new_id() for _ in range(wanted)}) == wanted
