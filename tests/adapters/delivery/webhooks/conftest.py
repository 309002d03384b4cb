"""A receiver's certificate."""

from tests.support.webhook_fixtures import certificates

__all__ = [
    "certificates",
]
