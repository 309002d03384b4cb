"""The web application, beside which the same acts run from the command line."""

from tests.support.web import api_store, app, apply, documented, people, settings, store, web

__all__ = ["api_store", "app", "apply", "documented", "people", "settings", "store", "web"]
