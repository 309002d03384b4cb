"""GET /api/overview: counts of open and late orders, and of the last weeks, for the first screen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pymongo
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongo.client import Document
from api.http.encoding import encode
from api.http.openapi import BEARER, answering, operation
from api.http.paging import SEARCH_DEADLINE
from api.reads.lists import Reader
from api.views.resources import FINISHED, WORK_ORDERS

SOON = timedelta(days=7)
WEEKS = 12


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    total: int
    open: int
    overdue: int
    due_soon: int
    by_status: dict[str, int]
    open_by_priority: dict[str, int]
    by_type: dict[str, int]


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """`week`: its Monday (UTC)."""

    week: date
    count: int


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Weeks: those with something in them, oldest first."""

    at: datetime
    work_orders: Orders
    created_per_week: list[Week]
    completed_per_week: list[Week]
    requests_waiting: int
    parts_below_zero: int


def route(reader: Reader, db: AsyncDatabase[Any], now: Callable[[], datetime]) -> HTTPRouteHandler:
    @get(
        "/api/overview",
        operation_id="overview",
        operation_class=operation(responses=answering("Counted now", Overview)),
        tags=["read"],
        security=BEARER,
    )
    async def show(request: Request[Any, Any, Any]) -> ASGIResponse:
        """Counts and charts for the first screen."""
        actor = await reader.actor(request, WORK_ORDERS.permission)
        return ASGIResponse(body=encode(await overview(db, actor.tenant_id, now())))

    return show


async def overview(db: AsyncDatabase[Any], tenant_id: str, now: datetime) -> Overview:
    """Raises: ExecutionTimeout: too many orders to count at once."""
    waiting = {"tenant_id": tenant_id, "status": "submitted"}
    short = {"tenant_id": tenant_id, "stock": {"$lt": 0}}
    with pymongo.timeout(SEARCH_DEADLINE.total_seconds()):
        result = await db["work_orders"].aggregate(_orders(tenant_id, now))
        (counts,) = await result.to_list()
        requests_waiting = await db["requests"].count_documents(waiting)
        parts_below_zero = await db["parts"].count_documents(short)
    return Overview(
        at=now,
        work_orders=Orders(
            total=_total(counts["total"]),
            open=_total(counts["open"]),
            overdue=_total(counts["overdue"]),
            due_soon=_total(counts["due_soon"]),
            by_status=_table(counts["by_status"]),
            open_by_priority=_table(counts["open_by_priority"]),
            by_type=_table(counts["by_type"]),
        ),
        created_per_week=_weeks(counts["created"]),
        completed_per_week=_weeks(counts["completed"]),
        requests_waiting=requests_waiting,
        parts_below_zero=parts_below_zero,
    )


def _orders(tenant_id: str, now: datetime) -> list[Document]:
    is_open = {"$match": {"status": {"$nin": FINISHED}}}
    count = {"$count": "n"}
    since = now - timedelta(weeks=WEEKS)
    fields = ("status", "priority", "type", "due_at", "created_at", "completed_at")
    return [
        {"$match": {"tenant_id": tenant_id}},
        {"$project": dict.fromkeys(fields, 1)},
        {
            "$facet": {
                "total": [count],
                "open": [is_open, count],
                "overdue": [is_open, {"$match": {"due_at": {"$lt": now}}}, count],
                "due_soon": [is_open, {"$match": {"due_at": {"$gte": now, "$lt": now + SOON}}}, count],
                "by_status": [_group("$status")],
                "open_by_priority": [is_open, _group("$priority")],
                "by_type": [_group("$type")],
                "created": _per_week("created_at", since),
                "completed": _per_week("completed_at", since),
            }
        },
    ]


def _group(by: Any) -> Document:
    return {"$group": {"_id": by, "n": {"$sum": 1}}}


def _per_week(field: str, since: datetime) -> list[Document]:
    week = {"$dateTrunc": {"date": f"${field}", "unit": "week", "startOfWeek": "monday"}}
    return [{"$match": {field: {"$gte": since}}}, _group(week), {"$sort": {"_id": 1}}]


def _total(rows: list[Document]) -> int:
    return int(rows[0]["n"]) if rows else 0


def _table(rows: list[Document]) -> dict[str, int]:
    return {row["_id"]: row["n"] for row in sorted(rows, key=lambda row: str(row["_id"]))}


def _weeks(rows: list[Document]) -> list[Week]:
    return [Week(week=row["_id"].date(), count=row["n"]) for row in rows]
