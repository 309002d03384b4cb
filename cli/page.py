"""Cuts a list to its limit, with a notice, so that nobody takes a part for the whole."""

from collections.abc import Sequence
from typing import TypeVar

from rich.console import Console

T = TypeVar("T")


def up_to(limit: int, rows: Sequence[T]) -> Sequence[T]:
    """The first `limit` rows of a query for one more. If there are more, a notice on stderr says so: a script
    may read stdout."""
    if len(rows) > limit:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"There are more than these {limit}: see further with --limit."
        )
    return rows[:limit]
