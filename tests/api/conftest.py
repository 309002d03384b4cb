"""The web application on real stores."""

from tests.support.web import api_store, app, apply, documented, people, settings, store, web

__all__ = ["api_store", "app", "apply", "documented", "people", "settings", "store", "web"]
