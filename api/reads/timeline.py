"""GET /api/work-orders/{id}/timeline and /api/plans/{id}/timeline.

Everything that happened to one entity: each command with its request, attempts, events, follow-ups, and
what operators did. Refused commands are included, and the command of another target that created it.
Oldest first, paged by command.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongo.client import Document
from api.http.encoding import encode
from api.http.openapi import BEARER, operation, page_of, parameter
from api.http.paging import check_cursor, take_limit
from api.http.query import conditions, parse
from api.reads.lists import Reader
from api.views.receipts import client_error, events_of, follow_ups_of
from api.views.resource import Resource
from api.views.resources import PLANS, WORK_ORDERS

MOST_EVENTS = 2_000
"""Events of purged commands read for one page."""

_EVENT = ("type", "target", "at", "effective_at", "version", "actor", "paths", "data")
_COMMAND = ("type", "target", "state", "attempts", "error", "result", "warnings", "history", "after")


def routes(reader: Reader, db: AsyncDatabase[Any]) -> list[HTTPRouteHandler]:
    """The timelines of work orders and of plans."""
    paged = [
        parameter("limit", "query", "commands of a page"),
        parameter("cursor", "query", "of the page before"),
    ]
    shared: dict[str, Any] = {
        "operation_class": operation(parameters=paged, responses=page_of()),
        "tags": ["read"],
        "security": BEARER,
    }

    @get("/api/work-orders/{id:str}/timeline", operation_id="work-orders.timeline", **shared)
    async def of_work_order(request: Request[Any, Any, Any], id: FromPath[str]) -> ASGIResponse:
        """Everything that happened to a work order, refused commands too, oldest first."""
        return await _page(request, reader, db, WORK_ORDERS, f"work_order:{id[:100]}", id)

    @get("/api/plans/{id:str}/timeline", operation_id="plans.timeline", **shared)
    async def of_plan(request: Request[Any, Any, Any], id: FromPath[str]) -> ASGIResponse:
        """Everything that happened to a plan: what it generated, what it skipped and why, who changed it."""
        return await _page(request, reader, db, PLANS, f"plan:{id[:100]}", id)

    return [of_work_order, of_plan]


async def _page(
    request: Request[Any, Any, Any],
    reader: Reader,
    db: AsyncDatabase[Any],
    resource: Resource,
    target: str,
    id: str,
) -> ASGIResponse:
    """Raises: Problem 401, 403, 404, 422."""
    actor = await reader.actor(request, resource.permission)
    parameters = parse(request.scope["query_string"])
    limit = take_limit(parameters)
    after = check_cursor(parameters.pop("cursor", None))
    conditions(parameters, {})
    page = await timeline(db, actor.tenant_id, target, after=after, limit=limit)
    if not page["items"] and not after:
        await reader.find(resource, actor, id)
    return ASGIResponse(body=encode(page))


async def timeline(
    db: AsyncDatabase[Any], tenant_id: str, target: str, *, after: str, limit: int
) -> Document:
    """{items, cursor}. Commands whose documents were purged are shown by their events."""
    own = {"tenant_id": tenant_id, "target": target}
    commands = {
        row["_id"]: row
        async for row in db["commands"].find(own | {"_id": {"$gt": after}}).sort("_id", 1).limit(limit + 1)
    }
    # An event's id is its command's and ":n", which sorts before ";".
    events = await _grouped(db, own | {"_id": {"$gt": f"{after};" if after else ""}})
    ids = sorted({*commands, *events})
    shown = ids[:limit]
    parents = [commands[id] for id in shown if id in commands]
    follow_ups = await _follow_ups(db, tenant_id, target, parents)
    others = await _others(db, tenant_id, [id for id in shown if id not in commands])
    events_by_command = await events_of(
        db, [*commands.values(), *(row for rows in follow_ups.values() for row in rows)]
    )
    acts = await _acts(db, tenant_id, shown)
    items = [
        _item(id, commands.get(id) or others.get(id), events_by_command.get(id) or events.get(id, []))
        | {
            "follow_ups": [
                _item(row["_id"], row, events_by_command.get(row["_id"], []))
                for row in follow_ups.get(id, ())
            ],
            "acts": acts.get(id, []),
        }
        for id in shown
    ]
    return {"items": items, "cursor": shown[-1] if len(ids) > limit else None}


async def _others(db: AsyncDatabase[Any], tenant_id: str, ids: list[str]) -> dict[str, Document]:
    """Commands with other targets, by id."""
    query = {"_id": {"$in": ids}, "tenant_id": tenant_id}
    return {row["_id"]: row async for row in db["commands"].find(query)} if ids else {}


async def _grouped(db: AsyncDatabase[Any], query: Document) -> dict[str, list[Document]]:
    grouped: dict[str, list[Document]] = {}
    async for event in db["events"].find(query).sort("_id", 1).limit(MOST_EVENTS):
        grouped.setdefault(event["command_id"], []).append(event)
    return grouped


async def _follow_ups(
    db: AsyncDatabase[Any], tenant_id: str, target: str, parents: Iterable[Document]
) -> dict[str, list[Document]]:
    """The follow-ups of each command on other targets, at any depth."""
    grouped: dict[str, list[Document]] = {}
    generation = {parent["_id"]: parent for parent in parents}
    roots = {id: id for id in generation}
    while generation:
        followers = await follow_ups_of(db, tenant_id, generation.values())
        pairs = [(parent, row) for parent, rows in followers.items() for row in rows]
        roots |= {row["_id"]: roots[parent] for parent, row in pairs}
        for _, row in pairs:
            if row["target"] != target:
                grouped.setdefault(roots[row["_id"]], []).append(row)
        generation = {row["_id"]: row for _, row in pairs}
    return grouped


async def _acts(db: AsyncDatabase[Any], tenant_id: str, subjects: Iterable[str]) -> dict[str, list[Document]]:
    grouped: dict[str, list[Document]] = {}
    query = {"tenant_id": tenant_id, "subject": {"$in": list(subjects)}}
    async for row in db["operator_actions"].find(query).sort("at", 1):
        act = {name: row[name] for name in ("id", "at", "actor", "act", "reason")}
        grouped.setdefault(row["subject"], []).append(act)
    return grouped


def _item(id: str, command: Document | None, events: list[Document]) -> Document:
    item: Document = {"command_id": id, "events": [{n: e[n] for n in _EVENT if n in e} for e in events]}
    if command is None:
        first = events[0]
        return item | {
            "type": None,
            "state": None,
            "accepted_at": first["at"],
            "origin": first["actor"],
            "purged": True,
        }
    item |= {name: command[name] for name in _COMMAND if name in command}
    if error := item.get("error"):
        item["error"] = client_error(error)
    return item | {
        "accepted_at": command["accepted_at"],
        "finished_at": command.get("finished_at"),
        "origin": command["origin"],
    }
