"""What the web process looks at before it serves, and how it asks to be tried again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import ExecutionTimeout

from adapters.mongo.demo_guard import DemoInProduction, refuse_demo
from adapters.settings.table import Settings, SettingsError
from api.app import HEADERS_IN, HEADERS_OUT, create_app
from api.http.problem import RETRY_WITHIN_S, as_problem, unavailable


def test_a_demo_database_in_production_is_refused_before_anything_is_served(
    settings: Settings, store: Database[Any]
) -> None:
    production = replace(settings, app_env="production")
    refuse_demo(production)
    store["logins"].insert_one({"_id": "admin@demo.millwright.test", "tenant_id": "demo"})

    try:
        refuse_demo(settings)
        with pytest.raises(DemoInProduction):
            refuse_demo(production)
    finally:
        store["logins"].delete_one({"_id": "admin@demo.millwright.test"})


def test_those_who_are_to_come_back_do_not_come_all_at_once() -> None:
    waits = {unavailable().response_headers(f"call-{n}")["Retry-After"] for n in range(100)}

    assert waits == {str(1 + n) for n in range(RETRY_WITHIN_S)}


def test_what_took_too_long_says_when_to_try_again_and_blames_the_question_only_if_the_store_does() -> None:
    asked_much = as_problem(ExecutionTimeout("too slow", 50, {"codeName": "MaxTimeMSExpired"}))
    far_away = as_problem(ExecutionTimeout("less time is left than one round trip takes", 50))

    assert (asked_much.status, asked_much.code) == (503, "too_slow")
    assert (far_away.status, far_away.code) == (503, "store_unavailable")
    assert "Retry-After" in asked_much.response_headers("call-17")


def test_browsers_may_send_and_see_the_headers_of_the_interface(settings: Settings) -> None:
    cors = create_app(replace(settings, cors_origin=("https://cmms.example.com",))).cors_config

    assert cors is not None
    assert set(HEADERS_IN) == set(cors.allow_headers)
    assert set(HEADERS_OUT) == set(cors.expose_headers)


def test_a_broker_that_does_not_work_yet_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="BROKER_URL: must be a URL that begins with redis://"):
        Settings.load({"BROKER_URL": "amqp://rabbit"}, tmp_path)
