"""The application and its people, as the tests of the API know them."""

from tests.support.web import people, settings

__all__ = ["people", "settings"]
