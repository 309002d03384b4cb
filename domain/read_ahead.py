"""Prepares msgspec types while the process has one thread.

msgspec (0.22) analyses a type on first use, and not thread-safely: if two threads do so at the same time, one
may read a half-built type, and the process crashes with a segmentation fault.
"""

from __future__ import annotations

from typing import Any

import msgspec


def read_ahead(*types: Any) -> None:
    """Have msgspec analyse these types and all that they reference. Call it where they are declared."""
    for one in types:
        msgspec.json.Decoder(one)
