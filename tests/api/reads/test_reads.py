"""Lists, documents and exports: filters, pages, versions, and the walls between tenants and roles."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from adapters.process.clock import SystemClock
from api.views import work_orders
from tests.api.people import People, Person, new_id
from tests.api.stock import START, order, put, row


async def walk(
    web: httpx.AsyncClient, person: Person, path: str, **params: str
) -> list[list[dict[str, Any]]]:
    """All pages of a list."""
    pages: list[list[dict[str, Any]]] = []
    cursor: str | None = None
    while True:
        more = params | ({"cursor": cursor} if cursor else {})
        answer = await web.get(path, params=more, headers=person.auth)
        assert answer.status_code == 200, answer.text
        pages.append(answer.json()["items"])
        cursor = answer.json()["cursor"]
        if cursor is None:
            return pages


async def numbers(web: httpx.AsyncClient, person: Person, **params: str) -> list[str]:
    return [
        item["number"][-1] for page in await walk(web, person, "/api/work-orders", **params) for item in page
    ]


async def test_pages_stay_put_while_rows_come_and_go(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    for n in range(1, 7):
        order(store, planner.tenant_id, n)
    first = (await web.get("/api/work-orders", params={"limit": "2"}, headers=planner.auth)).json()

    order(store, planner.tenant_id, 9)
    store["work_orders"].delete_one({"tenant_id": planner.tenant_id, "number": "WO-000005"})
    params = {"limit": "2", "cursor": first["cursor"]}
    second = (await web.get("/api/work-orders", params=params, headers=planner.auth)).json()

    assert [item["title"] for item in first["items"]] == ["Order 6", "Order 5"]
    assert [item["title"] for item in second["items"]] == ["Order 4", "Order 3"]


@pytest.mark.parametrize("sort", ["due_at", "-due_at", "created_at", "-number", "title", "id"])
async def test_every_order_shows_each_row_once_also_where_values_are_equal_or_missing(
    web: httpx.AsyncClient, people: People, store: Database[Any], sort: str
) -> None:
    planner = people.add("planner")
    due = [None, START, START, None, START + timedelta(days=1), None, START]
    orders = [order(store, planner.tenant_id, n, due_at=at, title="Same") for n, at in enumerate(due)]

    pages = await walk(web, planner, "/api/work-orders", sort=sort, limit="2")

    shown = [item["id"] for page in pages for item in page]
    assert len(pages) == 4
    assert sorted(shown) == sorted(document["id"] for document in orders)
    if sort.endswith("due_at"):
        missing = [item["due_at"] is None for page in pages for item in page]
        assert missing == sorted(missing, reverse=sort == "due_at")


async def test_filters_narrow_and_combine(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    tenant, asset, tech = planner.tenant_id, new_id(), new_id()
    order(store, tenant, 1, status="completed", priority="high", asset_id=asset, due_at=START)
    order(store, tenant, 2, status="in_progress", assignee_ids=[tech], due_at=START + timedelta(days=2))
    order(store, tenant, 3, type="safety", title="Guard (left)", description="50% worn")

    async def found(**params: str) -> list[str]:
        return await numbers(web, planner, sort="number", **params)

    assert await found(status="completed,in_progress") == ["1", "2"]
    assert await found(priority="high") == ["1"]
    assert await found(type="safety") == ["3"]
    assert await found(asset_id=asset) == ["1"]
    assert await found(asset_id="none") == ["2", "3"]
    assert await found(assignee_id=tech) == ["2"]
    assert await found(assignee_id="none") == ["1", "3"]
    assert await found(open="true") == ["2", "3"]
    assert await found(due_before="2026-03-02T00:00:00Z") == ["1"]
    assert await found(due_after="2026-03-01T10:00:00+02:00", open="true") == ["2"]
    assert await found(q="guard (LEFT)") == ["3"]
    assert await found(q="50%") == ["3"]
    assert await found(q=".*") == []
    assert await found(q="wo-000002") == ["2"]
    assert await found(status="completed", priority="low") == []


@pytest.mark.parametrize(
    "query",
    [
        "colour=red", "status=done", "status=", "limit=0", "limit=201", "limit=x", "limit=", "sort=priority",
        "sort=$where", "cursor=x", "cursor=e30", "cursor=%00", "due_before=tomorrow",
        "due_before=2026-03-01T08:00:00", "due_after=0001-01-01T00:00:00%2B14:00",
        "asset_id=x", "open=yes", "q=", f"q={'x' * 101}", "q=%00", "q=%ff", "status=completed&status=closed",
        "status[$ne]=completed", "&".join(f"a{n}=1" for n in range(40)),
    ],
)  # fmt: skip
async def test_a_parameter_that_is_unknown_or_malformed_is_422(
    web: httpx.AsyncClient, people: People, query: str
) -> None:
    answer = await web.get(f"/api/work-orders?{query}", headers=people.add().auth)

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_query"
    assert answer.json()["errors"][0]["path"].startswith("/query")


async def test_a_cursor_of_another_order_is_refused(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    for n in range(3):
        order(store, planner.tenant_id, n)
    cursor = (await web.get("/api/work-orders?limit=1", headers=planner.auth)).json()["cursor"]

    answer = await web.get(
        "/api/work-orders", params={"sort": "title", "cursor": cursor}, headers=planner.auth
    )

    assert answer.status_code == 422


async def test_an_order_shows_names_and_its_ledger_by_kind(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    tenant = planner.tenant_id
    asset = put(store, "assets", tenant, name="Press 4")
    part = put(store, "parts", tenant, name="Bearing 6204", stock=Decimal(3))
    line = {"part_id": part["id"], "planned": Decimal(2), "used": Decimal("1.5"), "cost": Decimal(0)}
    document = order(
        store,
        tenant,
        1,
        asset_id=asset["id"],
        assignee_ids=[planner.id],
        parts=[line],
        cost_total=Decimal("12.50"),
    )
    row(store, document, "labor", minutes=30, worked_on="2026-03-01", category="regular")
    row(store, document, "comment", text="It squeaks", mentions=[])
    voided = {"at": START, "by": None, "reason": "typed twice"}
    row(store, document, "cost", category="service", amount=Decimal("12.50"), currency="EUR", voided=voided)

    told = (await web.get(f"/api/work-orders/{document['id']}", headers=planner.auth)).json()

    assert told["asset"] == {"id": asset["id"], "name": "Press 4"}
    assert told["assignees"] == [{"id": planner.id, "name": "A planner"}]
    assert told["parts"] == [
        {"part_id": part["id"], "planned": "2", "used": "1.5", "cost": "0", "name": "Bearing 6204"}
    ]
    assert [entry["minutes"] for entry in told["labor"]] == [30]
    assert [entry["text"] for entry in told["comments"]] == ["It squeaks"]
    assert told["costs"][0]["voided"]["reason"] == "typed twice"
    assert (told["attachments"], told["signatures"], told["cost_total"]) == ([], [], "12.50")
    assert not {"_id", "tenant_id", "schema_version"} & told.keys()
    assert told["created_at"].endswith("Z")


async def test_a_document_has_its_version_as_etag_and_is_304_while_it_stands(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    document = order(store, planner.tenant_id, 1, version=7)
    path = f"/api/work-orders/{document['id']}"
    first = await web.get(path, headers=planner.auth)

    same = await web.get(path, headers=planner.auth | {"If-None-Match": f'"6", W/{first.headers["etag"]}'})
    store["work_orders"].update_one({"_id": document["_id"]}, {"$inc": {"version": 1}})
    newer = await web.get(path, headers=planner.auth | {"If-None-Match": first.headers["etag"]})

    assert first.headers["etag"] == '"7"'
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", '"7"')
    assert (newer.status_code, newer.headers["etag"]) == (200, '"8"')


async def test_an_etag_is_another_when_a_name_shown_changes_and_serves_as_if_match(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    asset = put(store, "assets", planner.tenant_id, name="Press 4")
    path = f"/api/work-orders/{order(store, planner.tenant_id, 1, version=7, asset_id=asset['id'])['id']}"
    first = (await web.get(path, headers=planner.auth)).headers["etag"]
    same = await web.get(path, headers=planner.auth | {"If-None-Match": first})

    store["assets"].update_one({"_id": asset["_id"]}, {"$set": {"name": "Press 5"}})
    renamed = await web.get(path, headers=planner.auth | {"If-None-Match": first})
    payload = {"work_order_id": path.rpartition("/")[2], "title": "A better title"}
    sent = await web.post(
        "/api/commands/work_order.update", json=payload, headers=planner.sends(**{"If-Match": first})
    )

    assert (same.status_code, renamed.status_code) == (304, 200)
    assert renamed.json()["asset"]["name"] == "Press 5"
    stored = store["commands"].find_one({"_id": sent.json()["command_id"]})
    assert stored is not None
    assert stored["base_version"] == 7


async def test_a_user_who_has_changed_is_no_304(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    admin = people.add()
    path = f"/api/users/{admin.id}"
    first = (await web.get(path, headers=admin.auth)).headers["etag"]
    same = await web.get(path, headers=admin.auth | {"If-None-Match": first})
    change = {"$set": {"name": "Another name"}, "$inc": {"version": 1}}
    store["users"].update_one({"_id": admin.document["_id"]}, change)

    changed = await web.get(path, headers=admin.auth | {"If-None-Match": first})

    assert (same.status_code, changed.status_code) == (304, 200)


async def test_a_long_ledger_is_cut_to_its_newest_rows_and_says_so(
    web: httpx.AsyncClient, people: People, store: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_orders, "MOST_ROWS", 3)
    planner = people.add("planner")
    document = order(store, planner.tenant_id, 1)
    path = f"/api/work-orders/{document['id']}"
    ids = [row(store, document, "comment", text=str(n)) for n in range(2)]
    whole = (await web.get(path, headers=planner.auth)).json()
    ids += [row(store, document, "comment", text=str(n)) for n in range(2, 5)]

    cut = (await web.get(path, headers=planner.auth)).json()

    assert ([entry["id"] for entry in whole["comments"]], whole["ledger"]) == (
        sorted(ids[:2]),
        {"shown": 2, "total": 2},
    )
    assert [entry["id"] for entry in cut["comments"]] == sorted(ids)[-3:]
    assert cut["ledger"] == {"shown": 3, "total": 5}


RESOURCES = ("work-orders", "assets", "parts", "requests", "users")


async def test_nobody_reads_across_tenants(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    mine, theirs = people.add(), people.stranger()
    tenant = mine.tenant_id
    ids = {
        "work-orders": order(store, tenant, 1)["id"],
        "assets": put(store, "assets", tenant, name="Press 4")["id"],
        "parts": put(store, "parts", tenant, name="Bearing", stock=Decimal(3))["id"],
        "requests": put(store, "requests", tenant, title="It drips", status="submitted")["id"],
        "users": mine.id,
    }
    for name, id in ids.items():
        own = await web.get(f"/api/{name}/{id}", headers=mine.auth)
        other = await web.get(f"/api/{name}/{id}", headers=theirs.auth)
        sly = await web.get(f"/api/{name}/{tenant}%2F{id}", headers=theirs.auth)
        listed = (await web.get(f"/api/{name}", headers=theirs.auth)).json()["items"]

        assert own.status_code == 200, name
        assert other.status_code == 404, name
        assert sly.status_code == 404, name
        assert id not in [item["id"] for item in listed], name
    timeline = await web.get(f"/api/work-orders/{ids['work-orders']}/timeline", headers=theirs.auth)
    assert timeline.status_code == 404
    for file in ("work-orders.csv", "assets.csv", "parts.csv"):
        assert (await web.get(f"/api/exports/{file}", headers=theirs.auth)).text.count("\r\n") == 1


async def test_each_list_needs_its_permission(web: httpx.AsyncClient, people: People) -> None:
    seen = {
        role: [
            name
            for name in RESOURCES
            if (await web.get(f"/api/{name}", headers=people.add(role).auth)).status_code == 200
        ]
        for role in ("requester", "viewer", "operator", "technician")
    }

    assert seen == {
        "requester": ["assets", "requests"],
        "viewer": ["work-orders", "assets", "parts", "requests"],
        "operator": ["work-orders", "assets", "parts", "requests"],
        "technician": list(RESOURCES),
    }


async def test_a_requester_sees_only_what_they_asked_for(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    me, other = people.add("requester"), people.add("requester")
    mine = put(store, "requests", me.tenant_id, title="It drips", status="submitted", requester=me.id)
    theirs = put(store, "requests", me.tenant_id, title="It smokes", status="submitted", requester=other.id)

    listed = (await web.get("/api/requests", headers=me.auth)).json()["items"]

    assert [item["id"] for item in listed] == [mine["id"]]
    assert (await web.get(f"/api/requests/{theirs['id']}", headers=me.auth)).status_code == 404
    everything = await web.get("/api/requests", headers=people.add("supervisor").auth)
    assert len(everything.json()["items"]) == 2


async def test_users_are_shown_without_their_secrets(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    admin = people.add()
    store["users"].update_one({"_id": admin.document["_id"]}, {"$set": {"recovery_codes": ["secret"]}})

    answers = [await web.get(path, headers=admin.auth) for path in ("/api/users", f"/api/users/{admin.id}")]

    for answer in answers:
        assert admin.document["email"] in answer.text
        assert "password_hash" not in answer.text
        assert "token_version" not in answer.text
        assert "secret" not in answer.text


async def test_an_export_begins_with_the_promised_columns_and_runs_no_formula(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    asset = put(store, "assets", planner.tenant_id, name="@press")
    evil = '=HYPERLINK("http://evil","x")'
    order(
        store,
        planner.tenant_id,
        1,
        title=evil,
        asset_id=asset["id"],
        cost_total=Decimal("-3.50"),
        currency="EUR",
    )
    order(store, planner.tenant_id, 2, title='Says "no", twice\nover', status="closed")

    answer = await web.get("/api/exports/work-orders.csv", headers=planner.auth)

    rows = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert rows[0][:10] == [
        "id", "number", "title", "status", "type", "priority", "asset", "cost_total", "currency",
        "created_at",
    ]  # fmt: skip
    assert rows[1][2] == f"'{evil}"
    assert rows[1][6:10] == ["'@press", "-3.50", "EUR", "2026-03-01T08:01:00.000Z"]
    assert rows[2][2] == 'Says "no", twice\nover'
    narrowed = await web.get("/api/exports/work-orders.csv?status=closed", headers=planner.auth)
    assert len(list(csv.reader(io.StringIO(narrowed.text, newline="")))) == 2


async def test_what_is_read_in_the_order_of_ids_passes_over_no_other_tenants(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    admin = people.add("admin")
    for tenant_id in ("a-tenant-before", "z-tenant-behind"):
        for n in range(20):
            order(store, tenant_id, n)
            put(store, "operator_actions", tenant_id)
    for n in range(3):
        order(store, admin.tenant_id, n)
        put(store, "operator_actions", admin.tenant_id)

    store.command("profile", 2)
    try:
        export = await web.get("/api/exports/work-orders.csv", headers=admin.auth)
        pages = [await walk(web, admin, "/api/work-orders", sort=sort, limit="2") for sort in ("id", "-id")]
        audit = await walk(web, admin, "/api/operator/audit", limit="2")
    finally:
        store.command("profile", 0)
    collections = {"$in": ["work_orders", "operator_actions"]}
    found = store["system.profile"].find({"op": "query", "command.find": collections})
    asked = [question["command"] for question in found]
    store["system.profile"].drop()

    assert export.text.count("\r\n") == 4
    assert [[len(page) for page in walked] for walked in (*pages, audit)] == [[2, 1]] * 3
    assert len(asked) == 7
    for question in asked:
        find = {name: question[name] for name in ("find", "filter", "sort")} | {"hint": "_id_"}
        told = store.command({"explain": find, "verbosity": "executionStats"})
        assert told["executionStats"]["totalKeysExamined"] <= 3, question


async def test_an_export_is_streamed_in_pieces(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    for n in range(1200):
        put(store, "parts", planner.tenant_id, name=f"Part {n}", stock=Decimal(n))

    answer = await web.get("/api/exports/parts.csv", headers=planner.auth)

    assert answer.text.count("\r\n") == 1201


async def test_exporting_needs_its_own_permission(web: httpx.AsyncClient, people: People) -> None:
    refused = await web.get("/api/exports/work-orders.csv", headers=people.add("technician").auth)
    unknown = await web.get("/api/exports/users.csv", headers=people.add("admin").auth)

    assert refused.json()["permission"] == "importexport.export"
    assert unknown.status_code == 404


async def test_the_overview_counts_within_the_tenant(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner, now = people.add("planner"), SystemClock().now()
    order(store, planner.tenant_id, 1, due_at=now - timedelta(hours=1), created_at=now, priority="high")
    order(store, planner.tenant_id, 2, due_at=now + timedelta(days=1), created_at=now)
    order(store, planner.tenant_id, 3, status="completed", created_at=now, completed_at=now, due_at=START)
    put(store, "parts", planner.tenant_id, name="Bearing", stock=Decimal(-1))
    order(store, people.stranger().tenant_id, 4)

    told = (await web.get("/api/overview", headers=planner.auth)).json()

    orders = told["work_orders"]
    assert (orders["total"], orders["open"], orders["overdue"], orders["due_soon"]) == (3, 2, 1, 1)
    assert orders["by_status"] == {"completed": 1, "requested": 2}
    assert orders["open_by_priority"] == {"high": 1, "medium": 1}
    assert [week["count"] for week in told["created_per_week"]] == [3]
    assert [week["count"] for week in told["completed_per_week"]] == [1]
    assert (told["requests_waiting"], told["parts_below_zero"]) == (0, 1)


async def test_the_timeline_tells_refused_commands_follow_ups_and_purged_ones(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    document = order(store, planner.tenant_id, 1)
    target, part = f"work_order:{document['id']}", f"part:{new_id()}"
    old, refused, applied, follow_up = sorted(new_id() for _ in range(4))
    command = {
        "tenant_id": planner.tenant_id,
        "target": target,
        "attempts": 1,
        "accepted_at": START,
        "payload": {},
    }
    api = {"via": "api", "user_id": planner.id, "request_id": "call-17"}
    store["commands"].insert_many(
        [
            command | _settled(refused, "work_order.start", "rejected", api, "not_assigned"),
            command | _settled(applied, "work_order.parts.consume", "applied", api) | {"follow_ups": 1},
            command
            | _settled(
                follow_up, "part.issue", "applied", {"via": "follow_up", "parent": applied, "root": applied}
            )
            | {"target": part, "idempotency": {"scope": "follow_up", "key": f"{applied}:stock"}},
        ]
    )
    for id, where, name in (
        (old, target, "work_order.created"),
        (refused, target, "command.rejected"),
        (applied, target, "work_order.part_consumed"),
        (follow_up, part, "part.issued"),
    ):
        store["events"].insert_one(_event(id, where, name, planner.tenant_id))
    path = f"/api/work-orders/{document['id']}/timeline"

    told = (await web.get(path, headers=planner.auth)).json()

    assert [item["command_id"] for item in told["items"]] == [old, refused, applied]
    assert told["items"][0]["purged"] is True
    assert told["items"][1]["error"]["code"] == "not_assigned"
    assert told["items"][1]["origin"]["request_id"] == "call-17"
    assert told["items"][1]["error"]["diff"] == []
    assert "secret" not in str(told)
    assert [event["type"] for event in told["items"][2]["events"]] == ["work_order.part_consumed"]
    assert [one["events"][0]["type"] for one in told["items"][2]["follow_ups"]] == ["part.issued"]
    pages = await walk(web, planner, path, limit="1")
    assert [page[0]["command_id"] for page in pages] == [old, refused, applied]


def _settled(
    id: str, type: str, state: str, origin: dict[str, Any], code: str | None = None
) -> dict[str, Any]:
    key = {"scope": "test", "key": id, "fingerprint": ""}
    known = {"_id": id, "type": type, "state": state, "origin": origin, "idempotency": key, "events": 1}
    told: dict[str, Any] = {"code": code, "message": code, "traceback": "secret"}
    told |= {"detail": "secret", "diff": []}
    return known | {"history": [{"state": state, "at": START}]} | ({"error": told} if code else {})


def _event(command_id: str, target: str, type: str, tenant_id: str) -> dict[str, Any]:
    head = {"_id": f"{command_id}:0", "tenant_id": tenant_id, "target": target, "type": type}
    return head | {
        "command_id": command_id,
        "at": START,
        "version": 1,
        "actor": {"via": "api"},
        "paths": [],
        "data": {},
    }
