"""Meters and assets as they are read, with the rows of their ledgers."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
from pymongo.database import Database

from domain.ids import uuid7
from tests.api.people import People
from tests.api.stock import START, put

HOUR = timedelta(hours=1)


def meter(store: Database[Any], tenant_id: str) -> dict[str, Any]:
    known: dict[str, Any] = {
        "asset_id": uuid7(START, bytes(10)),
        "name": "Hours",
        "unit": "h",
        "total": Decimal("30.5"),
        "plans": [],
    }
    return put(store, "meters", tenant_id, **known, recent=[{"value": Decimal(1)}], last_read_at=START)


def row(store: Database[Any], owner: dict[str, Any], target: str, n: int, **fields: Any) -> None:
    id = uuid7(START + n * HOUR, n.to_bytes(10, "big"))
    head = {"_id": f"{owner['tenant_id']}/{id}", "tenant_id": owner["tenant_id"], "id": id}
    whose = {"target": f"{target}:{owner['id']}", "at": START, "by": None, "voided": None}
    store["entries"].insert_one(head | whose | fields)


async def test_readings_come_newest_first_in_pages(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    technician = people.add("technician")
    owner = meter(store, technician.tenant_id)
    for n in (2, 1, 3):
        row(store, owner, "meter", n, kind="reading", change="reset", value=Decimal(n), late=False)

    path = f"/api/meters/{owner['id']}/readings"
    first = (await web.get(path, params={"limit": "2"}, headers=technician.auth)).json()
    params = {"limit": "2", "cursor": first["cursor"]}
    second = (await web.get(path, params=params, headers=technician.auth)).json()

    assert [one["value"] for one in first["items"] + second["items"]] == ["3", "2", "1"]
    assert second["cursor"] is None
    assert first["items"][0]["kind"] == "reset"
    assert not {"_id", "tenant_id", "target", "change"} & first["items"][0].keys()


async def test_a_meter_shows_its_total_and_not_what_only_we_need(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    technician = people.add("technician")
    owner = meter(store, technician.tenant_id)

    one = await web.get(f"/api/meters/{owner['id']}", headers=technician.auth)
    listed = await web.get("/api/meters", params={"unit": "h"}, headers=technician.auth)

    assert one.headers["etag"] == '"1"'
    assert (one.json()["total"], one.json()["unit"]) == ("30.5", "h")
    assert listed.json()["items"] == [one.json()]
    assert "recent" not in one.json()


async def test_downtimes_are_told_in_the_words_they_are_set_in(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    technician = people.add("technician")
    owner = put(store, "assets", technician.tenant_id, name="Press", downtimes={"latest": []})
    row(store, owner, "asset", 1, kind="downtime", since=START, until=START + HOUR, cause="bearing")

    found = await web.get(f"/api/assets/{owner['id']}/downtimes", headers=technician.auth)
    asset = await web.get(f"/api/assets/{owner['id']}", headers=technician.auth)

    [one] = found.json()["items"]
    assert (one["from"], one["to"], one["cause"]) == (
        "2026-03-01T08:00:00Z",
        "2026-03-01T09:00:00Z",
        "bearing",
    )
    assert "downtimes" not in asset.json()


async def test_readings_are_their_tenants_and_need_the_permission(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    technician, requester = people.add("technician"), people.add("requester")
    theirs = meter(store, "somebody-else")
    path = f"/api/meters/{theirs['id']}/readings"

    assert (await web.get(path, headers=technician.auth)).status_code == 404
    assert (await web.get(path, headers=requester.auth)).status_code == 403
    assert (await web.get(path, params={"x": "1"}, headers=technician.auth)).status_code == 422
