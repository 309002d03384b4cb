"""A list that ends at its limit says so: else a person takes what they see for all there is."""

from collections.abc import Sequence
from typing import TypeVar

from rich.console import Console

T = TypeVar("T")


def up_to(limit: int, found: Sequence[T]) -> Sequence[T]:
    """The first of what was found by asking for one more than the limit. That there is more is said beside
    the list, not in it: a script may read the list."""
    if len(found) > limit:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"There are more than these {limit}: see further with --limit."
        )
    return found[:limit]
