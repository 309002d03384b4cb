"""Types that threads share are read while there is one thread.

msgspec (0.22) reads a type when it is first used, and not safely: of two threads that do so at the same time
one may find it half read, and the process ends by a segmentation fault.
"""

from __future__ import annotations

from typing import Any

import msgspec


def read_ahead(*types: Any) -> None:
    """Read these types, and all that they name. Call it where they are declared."""
    for one in types:
        msgspec.json.Decoder(one)
