"""Files by their content: what is kept, what is refused, and who may see it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from adapters.blobs.store import CHUNK_BYTES, CHUNKS, FILES, MAX_BYTES, Blobs, Stored, Upload
from adapters.mongo.client import Unavailable
from domain.identity.permissions import ROLES
from tests.api.http.test_socket import serving, status
from tests.api.people import People, new_id
from tests.api.stock import START, order, put, row
from tests.api.uploads.photos import fetch, name_of, photo, send
from tests.support.patience import eventually

Store = Database[Any]
CODES = {"text/html": b"<html><script>alert(1)</script></html>", "image/svg+xml": b"<svg onload='x()'/>"}


def kept(store: Store, tenant_id: str) -> tuple[int, int]:
    """Records and chunks of a tenant, whatever their state."""
    of_tenant = {"$regex": f"^{tenant_id}/"}
    return (
        store[FILES].count_documents({"_id": of_tenant}),
        store[CHUNKS].count_documents({"files_id": of_tenant}),
    )


async def test_a_photo_comes_back_as_it_was_put_and_is_safe_to_show(
    web: httpx.AsyncClient, people: People
) -> None:
    technician, content = people.add("technician"), photo(CHUNK_BYTES * 5 + 1)
    name = name_of(content)

    made = await send(web, technician, content, **{"Content-Type": "image/jpeg"})
    found = await fetch(web, technician, name)
    seen = await web.head(f"/api/blobs/{name}", headers=technician.auth)

    assert (made.status_code, made.headers["location"]) == (201, f"/api/blobs/{name}")
    assert made.json() == {"sha256": name, "size": len(content), "media_type": "image/jpeg"}
    assert found.content == content
    assert (seen.status_code, seen.content) == (200, b"")
    for answer in (found, seen):
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["content-length"] == str(len(content))
        assert answer.headers["content-disposition"] == "inline"
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"].startswith("private, immutable")
        assert answer.headers["etag"] == f'"{name}"'
    assert (await fetch(web, technician, name, **{"If-None-Match": f'"{name}"'})).status_code == 304


async def test_the_same_bytes_are_kept_once_also_when_they_come_at_once(
    web: httpx.AsyncClient, people: People, store: Store
) -> None:
    technician, content = people.add("technician"), photo(CHUNK_BYTES * 2)

    answers = await asyncio.gather(*(send(web, technician, content) for _ in range(6)))
    again = await send(web, technician, content)

    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert again.status_code == 200
    assert again.json() == answers[0].json()
    assert kept(store, technician.tenant_id) == (1, 2)


async def test_other_bytes_than_the_name_says_leave_nothing_behind(
    web: httpx.AsyncClient, people: People, store: Store
) -> None:
    technician, content = people.add("technician"), photo(CHUNK_BYTES * 6)
    name = name_of(content)

    for wrong in (content[:-1], content + b"x", photo(seed=2), b""):
        answer = await send(web, technician, wrong, name=name)
        assert (answer.status_code, answer.json()["code"]) == (422, "hash_mismatch")
        assert answer.json()["errors"][0]["path"] == "/path/sha256"
        assert name_of(wrong) in answer.json()["detail"]

    assert kept(store, technician.tenant_id) == (0, 0)
    assert (await fetch(web, technician, name)).status_code == 404
    # Nor do bytes that are not those make one an owner of what is there.
    await send(web, technician, content)
    requester = people.add("requester")
    assert (await send(web, requester, wrong, name=name)).status_code == 422
    assert (await fetch(web, requester, name)).status_code == 404


async def test_a_name_that_is_no_hash_is_refused(web: httpx.AsyncClient, people: People) -> None:
    technician = people.add("technician")

    for name in ("a" * 63, "A" * 64, "g" * 64, "a" * 65, "..%2f..%2f"):
        assert (await send(web, technician, photo(), name=name)).status_code in (404, 422)
        assert (await fetch(web, technician, name)).status_code == 404


async def test_a_blob_has_ten_mebibytes_at_most_whatever_its_length_claims(
    web: httpx.AsyncClient, people: People, store: Store
) -> None:
    technician = people.add("technician")
    exact = photo(MAX_BYTES)

    async def endless() -> AsyncIterator[bytes]:
        for number in itertools.count():
            yield photo(64 * 1024, seed=number)

    told = await send(web, technician, exact + b"x")
    path = f"/api/blobs/{name_of(exact)}"
    untold = await web.put(path, content=endless(), headers=technician.auth)
    taken = await send(web, technician, exact)

    for answer in (told, untold):
        assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
        assert str(MAX_BYTES) in answer.json()["detail"]
    assert taken.status_code == 201
    assert kept(store, technician.tenant_id) == (1, -(-MAX_BYTES // CHUNK_BYTES))


async def test_what_it_is_is_told_from_the_bytes_not_from_what_it_is_called(
    web: httpx.AsyncClient, people: People, store: Store
) -> None:
    technician, content = people.add("technician"), photo()

    for claimed, body in [("image/png", content), ("text/html", content), *CODES.items()]:
        answer = await send(web, technician, body, **{"Content-Type": claimed})
        assert (answer.status_code, answer.json()["code"]) == (415, "media_type_mismatch")
    for unknown in (b"MZ\x90\x00 a program", b"plain text, and then \x00"):
        answer = await send(web, technician, unknown)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    packed = await send(web, technician, content, **{"Content-Encoding": "gzip"})
    assert packed.status_code == 415
    assert kept(store, technician.tenant_id) == (0, 0)

    text = CODES["text/html"]
    assert (await send(web, technician, text)).status_code == 201
    found = await fetch(web, technician, name_of(text))
    assert found.headers["content-type"] == "text/plain; charset=utf-8"
    assert found.headers["content-disposition"] == "attachment"


async def test_nothing_of_a_tenant_is_seen_by_another_not_even_by_its_hash(
    web: httpx.AsyncClient, people: People, store: Store
) -> None:
    technician, stranger, content = people.add("technician"), people.stranger("technician"), photo(seed=3)
    await send(web, technician, content)

    absent = await fetch(web, stranger, name_of(content))
    theirs = await send(web, stranger, content)

    assert absent.status_code == 404
    assert theirs.status_code == 201
    assert kept(store, technician.tenant_id) == kept(store, stranger.tenant_id) == (1, 1)
    ids = [one["_id"] for one in store[FILES].find({"sha256": name_of(content)})]
    assert {id.split("/")[0] for id in ids} == {technician.tenant_id, stranger.tenant_id}


async def test_who_needs_files_may_put_them_and_who_reads_orders_or_put_them_may_see_them(
    web: httpx.AsyncClient, people: People
) -> None:
    own = photo(seed=4)
    seen = {}
    for role in sorted(ROLES.keys() - {"platform"}):
        person = people.add(role)
        put = await send(web, person, own)
        seen[role] = (put.status_code in (200, 201), (await fetch(web, person, name_of(own))).status_code)
    assert seen == {
        "admin": (True, 200),
        "manager": (True, 200),
        "operator": (False, 200),
        "planner": (True, 200),
        "requester": (True, 200),
        "supervisor": (True, 200),
        "technician": (True, 200),
        "viewer": (False, 200),
    }

    other = photo(seed=5)
    await send(web, people.add("technician"), other)
    assert (await fetch(web, people.add("requester"), name_of(other))).status_code == 404
    assert (await web.get(f"/api/blobs/{name_of(other)}")).status_code == 401
    refused = await send(web, people.add("viewer"), other)
    assert refused.status_code == 403
    assert "workorders.execute" in refused.json()["detail"]


RANGES: dict[str, tuple[int, int | None] | None] = {
    "bytes=0-0": (0, 1),
    f"bytes={CHUNK_BYTES - 1}-{CHUNK_BYTES}": (CHUNK_BYTES - 1, CHUNK_BYTES + 1),
    "bytes=100-": (100, None),
    "bytes=100-99999999": (100, None),
    "bytes=-7": (-7, None),
    "bytes=5-2": None,
    "bytes=1-2,4-5": None,
    "bytes=-": None,
    "lines=1-2": None,
}


async def test_a_single_range_of_bytes_can_be_asked_for(web: httpx.AsyncClient, people: People) -> None:
    technician, content = people.add("technician"), photo(CHUNK_BYTES + 1_000)
    name = name_of(content)
    await send(web, technician, content)

    for asked, expected in RANGES.items():
        found = await fetch(web, technician, name, Range=asked)
        start, end = expected or (0, None)
        assert found.status_code == (206 if expected else 200), asked
        assert found.content == content[start:end], asked
    for asked in (f"bytes={len(content)}-", "bytes=-0"):
        beyond = await fetch(web, technician, name, Range=asked)
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(content)}")
    other = await fetch(web, technician, name, **{"Range": "bytes=0-0", "If-Range": '"another"'})
    assert other.content == content


async def test_bytes_may_come_after_the_action_that_names_them_and_the_order_says_when_they_have(
    web: httpx.AsyncClient, people: People, store: Store
) -> None:
    technician = people.add("technician")
    photos = [photo(seed=seed) for seed in (6, 7, 8)]
    names = [name_of(one) for one in photos]
    item = {"item_id": "leaks", "kind": "check", "text": "Leaks?", "evidence_sha256": names[2]}
    bare = {"item_id": "dry", "kind": "check", "text": "Dry?"}
    made = order(store, technician.tenant_id, 1, checklist=[item, bare])
    row(store, made, "attachment", sha256=names[0], size=9, media_type="image/jpeg", name="a.jpg")
    row(store, made, "signature", image_sha256=names[1], name="T.", signed_version=1)

    async def told() -> tuple[list[Any], str]:
        answer = await web.get(f"/api/work-orders/{made['id']}", headers=technician.auth)
        shown = answer.json()
        rows = [*shown["attachments"], *shown["signatures"], *shown["checklist"]]
        return [one.get("available") for one in rows], answer.headers["etag"]

    before, old = await told()
    for content in photos[:2]:
        await send(web, technician, content)
    after, new = await told()

    assert before == [False, False, False, None]
    assert after == [True, True, False, None]
    assert old != new


async def test_a_requests_files_say_whether_their_bytes_are_there(
    web: httpx.AsyncClient, people: People, store: Store
) -> None:
    requester, content = people.add("requester"), photo(seed=9)
    files = [{"sha256": name, "size": 1, "media_type": "image/jpeg", "name": "a"} for name in ("0" * 64,)]
    files.append(files[0] | {"sha256": name_of(content)})
    made = put(
        store,
        "requests",
        requester.tenant_id,
        requester=requester.id,
        title="It drips",
        status="submitted",
        attachments=files,
        created_at=START,
    )
    await send(web, requester, content)

    listed = (await web.get("/api/requests", headers=requester.auth)).json()["items"]
    one = (await web.get(f"/api/requests/{made['id']}", headers=requester.auth)).json()

    assert listed == [one]
    assert [file["available"] for file in one["attachments"]] == [False, True]


async def test_a_command_needs_the_blobs_that_its_payload_names_until_it_has_ended(
    web: httpx.AsyncClient, people: People, store: Store
) -> None:
    technician = people.add("technician")
    names = [name_of(photo(seed=seed)) for seed in (10, 11)]
    files = [{"sha256": name, "size": 9, "media_type": "image/jpeg", "name": "a.jpg"} for name in names]
    posted: dict[str, tuple[dict[str, Any], list[str] | None]] = {
        "request.submit": ({"title": "It drips", "attachments": [*files, files[0]]}, sorted(names)),
        "work_order.attachment.add": ({"work_order_id": new_id(), **files[0]}, names[:1]),
        "work_order.comment.add": ({"work_order_id": new_id(), "text": names[0]}, None),
    }

    for type, (payload, needs) in posted.items():
        answer = await web.post(f"/api/commands/{type}", json=payload, headers=technician.sends())
        command = store["commands"].find_one({"_id": answer.json()["command_id"]})
        assert command is not None
        assert command.get("needs") == needs, type


async def test_a_client_that_hangs_up_in_the_middle_leaves_nothing(
    app: Any, people: People, store: Store
) -> None:
    technician, content = people.add("technician"), photo(CHUNK_BYTES * 8)
    lines = [f"PUT /api/blobs/{name_of(content)} HTTP/1.1", "Host: millwright"]
    lines += [f"{name}: {value}" for name, value in technician.auth.items()]
    lines += [f"Content-Length: {len(content)}", "", ""]

    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write("\r\n".join(lines).encode() + content[: CHUNK_BYTES * 6])
        await writer.drain()
        tenant = technician.tenant_id
        assert await asyncio.to_thread(lambda: eventually(lambda: kept(store, tenant)[1] > 0, within_s=10))
        writer.close()
        assert await asyncio.to_thread(lambda: eventually(lambda: kept(store, tenant) == (0, 0), within_s=10))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write("\r\n".join(lines).encode() + content)
        assert await status(reader) == 201
        writer.close()


async def test_an_upload_whose_answer_was_lost_keeps_its_bytes(
    web: httpx.AsyncClient, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    technician, content = people.add("technician"), photo(CHUNK_BYTES + 1, seed=12)

    async def unheard(self: Blobs, upload: Upload, media_type: str, *, by: str) -> Stored:
        await finish(self, upload, media_type, by=by)
        raise Unavailable("the majority has not answered yet")

    finish = Blobs.finish
    with monkeypatch.context() as patched:
        patched.setattr(Blobs, "finish", unheard)
        first = await send(web, technician, content)
    again = await send(web, technician, content)

    assert (first.status_code, again.status_code) == (503, 200)
    assert (await fetch(web, technician, name_of(content))).content == content


async def test_openapi_names_the_media_types_of_blobs(web: httpx.AsyncClient) -> None:
    paths = (await web.get("/api/openapi.json")).json()["paths"]["/api/blobs/{sha256}"]

    assert paths.keys() == {"put", "get", "head"}
    assert "image/heic" in paths["put"]["requestBody"]["content"]
    assert "image/png" in paths["get"]["responses"]["200"]["content"]
    assert "application/problem+json" in paths["put"]["responses"]["413"]["content"]
