"""What the OpenAPI document promises of every operation. `documented.py` holds it against the answers."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Litestar

from api.views.resources import RESOURCES
from tests.api.documented import faults

PATHS = {resource.path for resource in RESOURCES}
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


def test_every_list_promises_a_page_of_what_has_an_id(operations: list[dict[str, Any]]) -> None:
    lists = [each for each in operations if each["operationId"].removesuffix(".list") in PATHS]
    assert len(lists) == len(PATHS)
    for operation in lists:
        page = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert page["required"] == ["items", "cursor"]
        assert "id" in page["properties"]["items"]["items"]["properties"], operation["operationId"]


def test_every_read_of_a_signed_in_user_promises_the_members_of_its_answer(app: Litestar) -> None:
    for path in app.openapi_schema.to_schema()["paths"].values():
        read = path.get("get", {"operationId": "", "responses": {}})
        for kind, body in read["responses"].get("200", {}).get("content", {}).items():
            if kind == "application/json" and read.get("security"):
                assert body["schema"]["properties"], read["operationId"]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"id": "a", "many": [1]}, None),
        ({"id": None, "many": []}, None),
        ({"many": [1]}, ": lacks id"),
        ({"id": 1}, "/id: 1 is none of"),
        ({"id": "a", "many": [1, True]}, "/many/1: True is not of"),
        ({"id": "a", "word": "no"}, "/word: 'no' is no word"),
        ([], ": [] is not of ['object']"),
    ],
)
def test_a_body_that_is_not_as_documented_is_told_where(value: Any, fault: str | None) -> None:
    schema = {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "many": {"type": "array", "items": {"type": "integer"}},
            "word": {"enum": ["yes"]},
        },
    }

    found = list(faults(value, schema))

    assert [each.startswith(fault or "") for each in found] == ([True] if fault else [])
