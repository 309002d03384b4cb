"""Keeps the demo's users, whose password is public, out of production."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pymongo

from adapters.mongo import client as mongo
from adapters.mongo.client import translated
from adapters.settings.table import Settings

QUERY_TIMEOUT = timedelta(seconds=10)
DEMO_DOMAIN = "millwright.test"

# A filter on the collection `logins`, whose `_id` is the address a person logs in with.
DEMO_LOGINS: Final[dict[str, Any]] = {"_id": {"$regex": r"@(.+\.)?millwright\.test$"}}


class DemoInProduction(Exception):
    """The database holds the demo's users, whose password everybody knows."""


def refuse_demo_login(settings: Settings, login: object | None) -> None:
    """Refuses production if there is a demo login.

    `login`: the result of `find_one(DEMO_LOGINS)` on the collection `logins`. Raises: DemoInProduction.
    """
    if settings.is_production and login is not None:
        raise DemoInProduction(
            f"This database holds demo users (…@{DEMO_DOMAIN}) whose password is public: "
            f"use an empty database, or remove them, before starting with APP_ENV=production."
        )


def refuse_demo(settings: Settings) -> None:
    """Called before a process starts to work: refuses production on a database with demo users.

    Raises: DemoInProduction; Unavailable: the database did not answer.
    """
    if not settings.is_production:
        return
    with (
        translated(),
        pymongo.timeout(QUERY_TIMEOUT.total_seconds()),
        mongo.client(settings.mongo_uri, **settings.mongo_options) as client,
    ):
        login = client[settings.database]["logins"].find_one(DEMO_LOGINS)
    refuse_demo_login(settings, login)
