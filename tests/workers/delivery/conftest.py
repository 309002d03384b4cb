"""What is to be delivered, and events to deliver from."""

from tests.support.delivery_store import delivery_store, desk
from tests.support.webhook_fixtures import certificates, ground

__all__ = ["certificates", "delivery_store", "desk", "ground"]
