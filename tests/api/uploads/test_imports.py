"""Importing a file over HTTP: what is stored, what is reported for each row, what is refused at once."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.datastructures import UploadFile
from pymongo.database import Database

from adapters.process.clock import SystemClock
from adapters.process.ids import Ids
from adapters.process.metrics import Metrics
from api.uploads.imports import LONGEST_MAPPING, PIECE
from domain.importing.table import MAX_LINES
from tasks.catalogue import catalogue
from tests.api.http.test_socket import serving
from tests.api.people import People, Person, new_id
from tests.support.patience import eventually
from workers.imports.importer import Importer

URL = "/api/imports/work-orders"
MAPPING = {"columns": {"title": "Text", "created_at": "Day"}, "status": "closed"}
FILE = "Text,Day\nweld bucket,2004-07-01\nno day,soon\n,2004-07-02\ngrease pins,2004-07-03\n"


def question(**more: Any) -> dict[str, str]:
    return {"name": "history", "mapping": json.dumps(MAPPING)} | more


def csv(person: Person) -> dict[str, str]:
    return person.auth | {"Content-Type": "text/csv"}


@pytest.fixture
def work(store: Database[Any]) -> Callable[[str], None]:
    """Ticks an importer of its own until the import has ended; nothing drains."""
    clock = SystemClock()

    def until_ended(id: str) -> None:
        importer = Importer(
            store,
            catalogue(),
            send=lambda _queue, _lines: None,
            now=clock.now,
            new_id=new_id,
            monotonic=clock.monotonic,
            metrics=Metrics(),
            worker="w1",
        )
        for _ in range(10):
            importer.tick()
        importer.stop()
        found = store.imports.find_one({"_id": id})
        assert found is not None
        assert "active" not in found

    return until_ended


async def test_a_file_is_stored_and_each_refused_row_is_told_with_its_reason(
    web: httpx.AsyncClient, people: People, work: Callable[[str], None]
) -> None:
    planner = people.add("planner")

    answer = await web.post(URL, params=question(dry_run="true"), content=FILE, headers=csv(planner))

    assert answer.status_code == 202, answer.text
    id = answer.json()["import_id"]
    assert answer.headers["location"] == f"/api/imports/{id}"
    assert answer.json()["state"] == "pending"
    work(id)
    shown = (await web.get(f"/api/imports/{id}", headers=planner.auth)).json()
    assert (shown["state"], shown["counts"]["new"], shown["counts"]["refused"]) == ("done", 2, 2)
    first = (await web.get(f"/api/imports/{id}/rows?outcome=refused&limit=1", headers=planner.auth)).json()
    assert [row["line"] for row in first["items"]] == [3]
    assert first["items"][0]["reasons"][0] | {"message": ""} == {
        "code": "bad_created_at", "column": "Day", "message": "",
    }  # fmt: skip
    rest = await web.get(f"/api/imports/{id}/rows?cursor={first['cursor']}", headers=planner.auth)
    assert [row["line"] for row in rest.json()["items"]] == [4]


async def test_uploads_at_once_take_their_ids_from_the_event_loop_alone(
    web: httpx.AsyncClient, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: set[int] = set()
    fresh = Ids.__call__

    def noted(self: Ids) -> str:
        asked.add(threading.get_ident())
        return fresh(self)

    monkeypatch.setattr(Ids, "__call__", noted)
    planner = people.add("planner")

    answers = await asyncio.gather(
        *(web.post(URL, params=question(), content=FILE, headers=csv(planner)) for _ in range(3))
    )

    assert len({answer.json()["import_id"] for answer in answers}) == 3
    assert asked == {threading.get_ident()}


async def test_a_multipart_body_may_hold_the_file_and_its_mapping(
    web: httpx.AsyncClient, people: People
) -> None:
    said = {"name": "history", "mapping": json.dumps(MAPPING), "dry_run": "true"}

    answer = await web.post(
        URL, data=said, files={"file": ("old.csv", FILE, "text/csv")}, headers=people.add("admin").auth
    )

    assert answer.status_code == 202, answer.text
    assert answer.json()["file"]["name"] == "old.csv"
    assert answer.json()["dry_run"] is True


async def test_of_a_large_file_no_more_than_a_piece_is_held(
    web: httpx.AsyncClient, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = FILE + "oil,2004-07-03\n" * 200_000
    held: list[int] = []
    read = UploadFile.read

    async def measured(part: UploadFile, size: int = -1) -> bytes:
        piece = await read(part, size)
        held.append(len(piece))
        return piece

    monkeypatch.setattr(UploadFile, "read", measured)
    answer = await web.post(
        URL,
        params=question(),
        files={"file": ("old.csv", text, "text/csv")},
        headers=people.add("admin").auth,
    )

    assert answer.json()["file"]["size"] == sum(held) == len(text)
    assert max(held) <= PIECE


@pytest.mark.parametrize(
    ("type", "mapping"),
    [
        ("text/plain; charset=utf-8", b"\xff"),
        ("text/plain; charset=nonesuch", b"{}"),
        ("text/plain", json.dumps(MAPPING | {"values": {"title": {"a": "b" * LONGEST_MAPPING}}}).encode()),
    ],
)
async def test_a_part_that_is_no_text_or_too_long_is_refused_and_nothing_is_kept(
    web: httpx.AsyncClient, people: People, store: Database[Any], type: str, mapping: bytes
) -> None:
    files = store["import_files.files"].count_documents({})
    said: tuple[str | None, bytes, str] = (None, mapping, type)
    sent: tuple[str | None, bytes, str] = ("old.csv", FILE.encode(), "text/csv")

    answer = await web.post(
        URL,
        params={"name": "a"},
        files={"mapping": said, "file": sent},
        headers=people.add("admin").auth,
    )

    assert answer.status_code == 422, answer.text
    assert store["import_files.files"].count_documents({}) == files


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 30])
async def test_a_cursor_that_is_no_line_is_refused(
    web: httpx.AsyncClient, people: People, cursor: str
) -> None:
    admin = people.add("admin")
    id = (await web.post(URL, params=question(), content=FILE, headers=csv(admin))).json()["import_id"]

    answer = await web.get(f"/api/imports/{id}/rows?cursor={cursor}", headers=admin.auth)

    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "/query/cursor")


@pytest.mark.parametrize(
    ("asked", "body", "status", "path"),
    [
        ({"name": "a b"}, FILE, 422, "/query/name"),
        ({"name": ""}, FILE, 422, "/query/name"),
        ({"mapping": "{"}, FILE, 422, "/query/mapping"),
        ({"mapping": "{}"}, FILE, 422, "/query/mapping/columns"),
        ({"mapping": json.dumps(MAPPING | {"status": "gone"})}, FILE, 422, "/query/mapping/status"),
        ({"mapping": json.dumps({"columns": {"title": "Text"}})}, FILE, 422, "/query/mapping"),
        ({"dry_run": "perhaps"}, FILE, 422, "/query/dry_run"),
        ({"dryrun": "true"}, FILE, 422, "/query/dryrun"),
        ({}, "", 422, "/file"),
        ({}, "Text,When\na,b\n", 422, "/file"),
        ({}, FILE.encode() + b"\xff", 422, "/file"),
        ({}, FILE + "\n" * MAX_LINES, 413, "/file"),
    ],
)
async def test_what_cannot_be_imported_at_all_is_refused_with_the_field_named(
    web: httpx.AsyncClient,
    people: People,
    store: Database[Any],
    asked: dict[str, str],
    body: str | bytes,
    status: int,
    path: str,
) -> None:
    admin = people.add("admin")

    answer = await web.post(URL, params=question() | asked, content=body, headers=csv(admin))

    assert answer.status_code == status, answer.text
    assert path in [error["path"] for error in answer.json()["errors"]]
    assert store.imports.count_documents({"tenant_id": admin.tenant_id}) == 0


async def test_a_part_that_is_not_known_is_refused_lest_a_trial_be_an_import(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    admin = people.add("admin")
    said = {"name": "history", "mapping": json.dumps(MAPPING), "dry-run": "true"}

    answer = await web.post(URL, data=said, files={"file": ("old.csv", FILE, "text/csv")}, headers=admin.auth)

    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "/dry-run")
    assert store.imports.count_documents({"tenant_id": admin.tenant_id}) == 0


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "outcome=gone", "outcom=refused"])
async def test_rows_are_asked_for_in_the_terms_of_every_list(
    web: httpx.AsyncClient, people: People, query: str
) -> None:
    admin = people.add("admin")
    id = (await web.post(URL, params=question(), content=FILE, headers=csv(admin))).json()["import_id"]

    answer = await web.get(f"/api/imports/{id}/rows?{query}", headers=admin.auth)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == f"/query/{query.partition('=')[0]}"


async def test_only_who_may_import_may_and_other_tenants_see_nothing(
    web: httpx.AsyncClient, people: People
) -> None:
    admin, tech = people.add("admin"), people.add("technician")
    stranger = people.add("admin", tenant_id="another")
    id = (await web.post(URL, params=question(), content=FILE, headers=csv(admin))).json()["import_id"]

    assert (await web.post(URL, params=question(), content=FILE, headers=csv(tech))).status_code == 403
    assert (await web.post(URL, params=question(), content=FILE)).status_code == 401
    for tail in ("", "/rows"):
        assert (await web.get(f"/api/imports/{id}{tail}", headers=stranger.auth)).status_code == 404
    assert (await web.post(f"/api/imports/{id}/cancel", headers=stranger.auth)).status_code == 404
    assert (await web.post(f"/api/imports/{id}/cancel", headers=admin.auth)).json()["state"] == "cancelled"
    late = await web.post(f"/api/imports/{id}/cancel", headers=admin.auth)
    assert (late.status_code, late.json()["code"]) == (409, "too_late")


@pytest.mark.parametrize("media_type", ["text/csv", "multipart/form-data; boundary=B"])
async def test_who_hangs_up_in_the_middle_of_a_file_is_no_fault_of_ours(
    app: Litestar, people: People, media_type: str
) -> None:
    metrics = app.state.house.metrics
    lines = ["POST /api/imports/work-orders?name=a HTTP/1.1", "Host: millwright", "Content-Length: 1000"]
    lines += [f"Content-Type: {media_type}", f"Authorization: {people.add('admin').auth['Authorization']}"]

    def answered() -> set[str]:
        told = metrics.exposition().decode().splitlines()
        mine = (line for line in told if line.startswith("http_requests_total") and URL in line)
        return {line.partition('status="')[2][:3] for line in mine}

    async with serving(app) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write("\r\n".join([*lines, "", "--B\r\n"]).encode())
        await writer.drain()
        writer.close()
        assert await asyncio.to_thread(lambda: eventually(answered, within_s=10))

    assert answered() == {"400"}


async def test_a_body_of_another_type_is_refused(web: httpx.AsyncClient, people: People) -> None:
    admin = people.add("admin")

    answer = await web.post(URL, params=question(), json={}, headers=admin.auth)

    assert answer.status_code == 415
