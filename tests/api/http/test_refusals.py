"""Refusals before acceptance: their order, and how each names its fault."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pymongo.database import Database

from tests.api.http.malformed import CASES
from tests.api.people import People, Person

CREATE = "/api/commands/work_order.create"
ORDER = {"title": "Replace the bearing", "type": "corrective", "priority": "high"}


def problem(answer: httpx.Response) -> dict[str, Any]:
    """The body of a refusal, which must be whole."""
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "code", "request_id"} <= body.keys()
    assert body["status"] == answer.status_code
    assert body["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    return body


def test_there_are_two_hundred_malformed_bodies() -> None:
    assert len(CASES) >= 200


async def test_every_malformed_body_is_refused_with_the_field_named_and_nothing_stored(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    admin = people.add("admin")

    for case in CASES:
        answer = await web.post(f"/api/commands/{case.type}", content=case.body, headers=admin.sends())

        told = f"{case.name}: {answer.status_code} {answer.text[:300]}"
        assert answer.status_code == 422, told
        errors = problem(answer)["errors"]
        assert case.path in [error["path"] for error in errors], told
        assert all(error["code"] and error["message"] for error in errors), told
        assert "regex" not in answer.text, told
    assert store["commands"].count_documents({"tenant_id": admin.tenant_id}) == 0


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "application/xml",
        "",
    ],
)
async def test_another_content_type_is_415(web: httpx.AsyncClient, people: People, media_type: str) -> None:
    headers = people.add().sends(**{"Content-Type": media_type})

    answer = await web.post(CREATE, content=json.dumps(ORDER), headers=headers)

    assert answer.status_code == 415
    assert problem(answer)["code"] == "unsupported_media_type"


async def test_a_compressed_body_is_415(web: httpx.AsyncClient, people: People) -> None:
    headers = people.add().sends(**{"Content-Encoding": "gzip"})

    answer = await web.post(CREATE, content=b"\x1f\x8b", headers=headers)

    assert problem(answer)["code"] == "unsupported_media_type"


async def test_more_than_256_kib_is_413_whether_announced_or_in_chunks(
    web: httpx.AsyncClient, people: People
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b" " * 1024

    planner = people.add("planner")
    announced = await web.post(CREATE, content=b" " * 300_000, headers=planner.sends())
    chunked = await web.post(CREATE, content=chunks(), headers=planner.sends())

    assert problem(announced)["code"] == problem(chunked)["code"] == "payload_too_large"
    assert announced.status_code == chunked.status_code == 413


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "idempotency_key_missing"),
        ("", "idempotency_key_malformed"),
        ("short", "idempotency_key_malformed"),
        ("x" * 256, "idempotency_key_malformed"),
        ("has a space in it ....", "idempotency_key_malformed"),
        ("tab\tinside-the-key-here", "idempotency_key_malformed"),
        ("umlaut-\u00fc-in-the-key-here", "idempotency_key_malformed"),
    ],
)
async def test_a_key_must_be_16_to_255_visible_ascii(
    web: httpx.AsyncClient, people: People, key: str | None, code: str
) -> None:
    headers: dict[str, str | bytes] = {**people.add().auth, "Content-Type": "application/json"}
    if key is not None:
        headers["Idempotency-Key"] = key.encode("latin-1")

    answer = await web.post(CREATE, content=json.dumps(ORDER), headers=headers)  # type: ignore[arg-type]

    assert answer.status_code == 400
    assert problem(answer)["code"] == code


@pytest.mark.parametrize(
    "value", ["7", "*", 'W/"7"', '"-1"', '"x"', '"7", "8"', '"' + "9" * 30 + '"', '"07"']
)
async def test_a_malformed_if_match_is_400(web: httpx.AsyncClient, people: People, value: str) -> None:
    headers = people.add().sends(**{"If-Match": value})

    answer = await web.post(CREATE, json=ORDER, headers=headers)

    assert answer.status_code == 400
    assert problem(answer)["code"] == "if_match_malformed"


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer x", "Basic abc", "Bearer a.b.c", "Bearer \u00e4"])
async def test_without_a_valid_token_everything_is_401(web: httpx.AsyncClient, value: str) -> None:
    for method, path in (("POST", CREATE), ("POST", "/api/commands/no.such"), ("GET", "/api/work-orders")):
        answer = await web.request(method, path, headers={b"Authorization": value.encode("latin-1")})

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        problem(answer)


@pytest.mark.parametrize("name", ["no.such", "part.issue", "work_order", "work_order.create.now", "\u00fc"])
async def test_a_command_that_is_not_there_or_internal_is_404(
    web: httpx.AsyncClient, people: People, name: str
) -> None:
    answer = await web.post(f"/api/commands/{name}", json={}, headers=people.add().sends())

    assert answer.status_code == 404
    assert problem(answer)["code"] == "unknown_command"


async def test_what_the_role_does_not_permit_is_403_and_uses_no_key(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    viewer = people.add("viewer")

    answer = await web.post(CREATE, json=ORDER, headers=viewer.sends())

    assert answer.status_code == 403
    assert problem(answer)["permission"] == "workorders.write"
    assert store["commands"].count_documents({"tenant_id": viewer.tenant_id}) == 0


async def test_refusals_come_in_one_order(web: httpx.AsyncClient, people: People) -> None:
    """401, 404, 415 and 413, 400 for the key, 403, 422: each hides those behind it."""
    viewer, planner = people.add("viewer"), people.add("planner")
    wrong_body = b"{"

    async def status(path: str, **headers: str) -> int:
        return (await web.post(path, content=wrong_body, headers=headers)).status_code

    json_type = {"Content-Type": "application/json"}
    key = {"Idempotency-Key": uuid4().hex}
    assert await status("/api/commands/no.such") == 401
    assert await status("/api/commands/no.such", **viewer.auth) == 404
    assert await status(CREATE, **viewer.auth) == 415
    assert await status(CREATE, **viewer.auth, **json_type) == 400
    assert await status(CREATE, **viewer.auth, **json_type, **key) == 403
    assert await status(CREATE, **planner.auth, **json_type, **key) == 422


async def test_a_deactivated_user_is_401(web: httpx.AsyncClient, people: People) -> None:
    gone = people.add("planner", active=False)

    answer = await web.post(CREATE, json=ORDER, headers=gone.sends())

    assert answer.status_code == 401
    assert problem(answer)["code"] == "user_inactive"


async def test_a_revoked_token_is_401(web: httpx.AsyncClient, people: People, store: Database[Any]) -> None:
    planner = people.add("planner")
    store["users"].update_one({"_id": planner.document["_id"]}, {"$inc": {"token_version": 1}})

    answer = await web.post(CREATE, json=ORDER, headers=planner.sends())

    assert problem(answer)["code"] == "token_revoked"


async def test_paths_and_methods_that_are_not_there_are_problems_too(web: httpx.AsyncClient) -> None:
    nowhere = await web.get("/api/nowhere")
    wrong = await web.delete("/api/work-orders")

    assert nowhere.status_code == 404
    assert problem(nowhere)["code"] == "not_found"
    assert wrong.status_code == 405
    assert problem(wrong)["code"] == "method_not_allowed"


async def test_an_insane_request_id_is_replaced(web: httpx.AsyncClient) -> None:
    for insane in ("", "a b", "x" * 129, "<script>"):
        answer = await web.get("/api/health/live", headers={"X-Request-ID": insane})

        assert len(answer.headers["x-request-id"]) == 36


async def test_a_fault_of_ours_says_nothing_but_its_request_id(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    broken: Person = people.add("planner")
    store["users"].update_one({"_id": broken.document["_id"]}, {"$unset": {"roles": ""}})

    answer = await web.get("/api/work-orders", headers=broken.auth)

    assert answer.status_code == 500
    assert problem(answer)["code"] == "internal_error"
    assert "roles" not in answer.text
