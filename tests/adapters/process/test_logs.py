"""Logs: one line per event, its fields, and no secret."""

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from loguru import logger

from adapters.process import logs
from adapters.settings.table import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    yield Settings.load({}, tmp_path, servers_needed=False)
    logger.remove()
    logging.basicConfig(handlers=[], force=True)


def written(settings: Settings, *, production: bool) -> io.StringIO:
    to = io.StringIO()
    logs.configure(replace(settings, app_env="production" if production else "development"), "worker", to=to)
    return to


def test_production_writes_one_json_object_per_event(settings: Settings) -> None:
    to = written(settings, production=True)

    logger.bind(command="work_order.start", attempt=2).info("command settled")

    event = json.loads(to.getvalue())
    assert event["message"] == "command settled"
    assert (event["command"], event["attempt"], event["process"]) == ("work_order.start", 2, "worker")
    assert event["level"] == "INFO"


def test_a_person_reads_the_event_and_its_fields_on_one_line(settings: Settings) -> None:
    to = written(settings, production=False)

    logger.bind(attempt=2, shape="{braces} <tags>").info("command {settled} <b>")

    assert "command {settled} <b> attempt=2 shape={braces} <tags>" in to.getvalue()
    assert to.getvalue().count("\n") == 1


@pytest.mark.parametrize("production", [True, False])
def test_no_password_token_or_credential_reaches_a_line(settings: Settings, production: bool) -> None:
    to = written(settings, production=production)

    logger.bind(password="hunter2", access_token="hunter2", uri="mongodb://root:hunter2@db/x").info(
        "cannot reach redis://:hunter2@valkey/0"
    )

    assert "hunter2" not in to.getvalue()
    assert "redis://***@valkey/0" in to.getvalue()


@pytest.mark.parametrize("production", [True, False])
def test_an_exception_brings_its_traceback_without_the_values(settings: Settings, production: bool) -> None:
    to = written(settings, production=production)
    password = "hunter" + "2"

    try:
        _fail(password)
    except ValueError:
        logger.exception("it failed")

    assert "_fail" in to.getvalue()
    assert "hunter2" not in to.getvalue()


@pytest.mark.parametrize("production", [True, False])
def test_no_credential_of_a_url_reaches_a_line_by_an_exception(settings: Settings, production: bool) -> None:
    to = written(settings, production=production)

    try:
        raise ValueError("no server at mongodb://root:hunter2@mongo/db")
    except ValueError:
        logger.exception("it failed")

    assert "no server at mongodb://***@mongo/db" in to.getvalue()
    assert "hunter2" not in to.getvalue()


def _fail(password: str) -> None:
    raise ValueError(f"{len(password)} characters")


def test_what_a_library_logs_goes_the_same_way(settings: Settings) -> None:
    to = written(settings, production=True)

    logging.getLogger("uvicorn.error").warning("100%% of %s", "it")
    logging.getLogger("uvicorn.access").info("GET /")

    event = json.loads(to.getvalue())
    assert (event["message"], event["logger"], event["level"]) == ("100% of it", "uvicorn.error", "WARNING")
