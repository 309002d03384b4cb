"""Plans as people see them, and GET /api/plans/{id}/preview: the function that generates, asked ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Any

import msgspec
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongo import Document, document_id
from api.encoding import encode
from api.openapi import BEARER, operation, parameter
from api.reads.lists import Reader
from api.reads.query import bad, conditions, parse
from api.reads.resources import PLANS
from domain.errors import Rejected
from domain.plan.model import Plan, Progress
from domain.plan.rules import Rules
from domain.plan.unfold import Occurrence, unfold
from domain.working_calendar import Calendar

MOST = 1_000
"""Occurrences in one answer."""

DAY = len("2026-03-29")
SPAN = timedelta(days=92)
FURTHEST = timedelta(days=3_660)


def preview(
    plan: Plan, calendar: Calendar | None, since: datetime, until: datetime
) -> Iterator[tuple[str, Occurrence]]:
    """(asset or lane, occurrence) of what is due in [since, until), in order of each lane."""
    rules = plan.rules
    for lane in rules.lanes:
        seen = takewhile(lambda one: one.due_at < until, unfold(plan, calendar, plan.lane(lane)))
        for found in seen:
            if found.due_at >= since:
                for order_lane in (lane,) if rules.is_floating else rules.order_lanes:
                    yield order_lane, found


def from_the_start(plan: Plan) -> Plan:
    """As if nothing had come of it yet: for looking back."""
    lanes = tuple(Progress(lane=lane) for lane in plan.rules.lanes)
    return msgspec.structs.replace(plan, lanes=lanes)


def routes(reader: Reader, db: AsyncDatabase[Any], now: Callable[[], datetime]) -> list[HTTPRouteHandler]:
    asked = [
        parameter("from", "query", "an instant or a day; default now"),
        parameter("to", "query", "an instant or a day, excluded; default 92 days later, at most ten years"),
    ]

    @get(
        "/api/plans/{id:str}/preview",
        operation_id="plans.preview",
        operation_class=operation(parameters=asked),
        tags=["read"],
        security=BEARER,
    )
    async def show(request: Request[Any, Any, Any], id: FromPath[str]) -> ASGIResponse:
        """What a plan will bring, and what it will leave out and why."""
        actor = await reader.actor(request, PLANS.permission)
        given = parse(request.scope["query_string"])
        since = _moment(given.pop("from", None), "from") or now()
        until = _moment(given.pop("to", None), "to") or since + SPAN
        conditions(given, {})
        if not timedelta() < until - since <= FURTHEST:
            raise bad("to", "out_of_range", "`to` is after `from`, by ten years at most")
        document = await reader.find(PLANS, actor, id)
        plan = msgspec.convert(document, Plan)
        calendar = await _calendar(db, actor.tenant_id, plan.rules)
        return ASGIResponse(body=encode(_told(plan, calendar, since, until, now())))

    return [show]


async def _calendar(db: AsyncDatabase[Any], tenant_id: str, rules: Rules) -> Calendar | None:
    if rules.calendar_id is None:
        return None
    query = {"_id": document_id(tenant_id, rules.calendar_id), "tenant_id": tenant_id}
    found = await db["calendars"].find_one(query)
    return msgspec.convert(found, Calendar) if found else None


def _told(plan: Plan, calendar: Calendar | None, since: datetime, until: datetime, now: datetime) -> Document:
    looked_at = plan if since >= now or plan.rules.is_floating else from_the_start(plan)
    try:
        found = list(islice(preview(looked_at, calendar, since, until), MOST + 1))
    except Rejected as refused:
        return {"occurrences": [], "more": False, "error": {"code": refused.code, "message": refused.message}}
    rows = [_row(lane, one) for lane, one in found[:MOST]]
    return {"occurrences": rows, "more": len(found) > MOST}


def _row(lane: str, found: Occurrence) -> Document:
    row: Document = {
        "occurrence": found.occurrence,
        "time_zone": found.time_zone,
        "due_at": found.due_at,
        "generate_at": found.generate_at,
        "asset_id": None if lane == "route" else lane,
    }
    if found.skipped:
        row["skipped"] = {"code": found.skipped.code, "reason": found.skipped.reason}
    return row


def _moment(text: str | None, name: str) -> datetime | None:
    """An RFC 3339 instant, or a day's beginning in UTC. Raises: Problem 422."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is not None and len(text) == DAY:
        return moment.replace(tzinfo=UTC)
    if moment is None or moment.tzinfo is None:
        raise bad(name, "malformed", "an RFC 3339 instant with an offset, or a day")
    return moment.astimezone(UTC)
