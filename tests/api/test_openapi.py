"""What the OpenAPI document promises of every operation. `documented.py` holds it against the answers."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Litestar

OPEN_TO_ALL = {"auth.login", "health.live", "health.ready"}


@pytest.fixture
def operations(app: Litestar) -> list[dict[str, Any]]:
    paths = app.openapi_schema.to_schema()["paths"]
    return [operation for path in paths.values() for operation in path.values()]


def test_every_refusal_is_promised_as_the_problem_that_is_sent(operations: list[dict[str, Any]]) -> None:
    for operation in operations:
        refusals = {status: said for status, said in operation["responses"].items() if status >= "400"}
        if operation["operationId"] != "health.ready":
            types = {media_type for said in refusals.values() for media_type in said["content"]}
            assert types <= {"application/problem+json"}, operation["operationId"]


def test_every_operation_promises_what_its_kind_refuses(operations: list[dict[str, Any]]) -> None:
    for operation in operations:
        name, places = operation["operationId"], {each["in"] for each in operation.get("parameters", ())}
        wanted = set() if name == "health.live" else {"503"}
        wanted |= {"401", "403"} if name not in OPEN_TO_ALL else set()
        wanted |= {"413", "415", "422"} if "requestBody" in operation else set()
        wanted |= {"422"} if "query" in places else set()
        wanted |= {"404"} if "path" in places else set()

        assert wanted <= operation["responses"].keys(), name
        assert operation["summary"], name
