"""What is to be delivered."""

from tests.support.delivery_store import delivery_store, desk

__all__ = [
    "delivery_store",
    "desk",
]
