"""Events that webhooks are fed from."""

from tests.support.webhook_fixtures import ground

__all__ = [
    "ground",
]
