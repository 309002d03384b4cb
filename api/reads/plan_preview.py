"""GET /api/plans/{id}/preview: the occurrences that a plan will generate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any

import msgspec
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from msgspec import UNSET, UnsetType
from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongo.client import document_id
from api.http.encoding import encode
from api.http.openapi import BEARER, answering, operation, parameter
from api.http.query import bad, conditions, parse
from api.reads.lists import Reader
from api.views.resources import PLANS
from domain.errors import Rejected
from domain.plan.meter_due import Expected, expected_due
from domain.plan.model import Plan
from domain.plan.occurrences import Skip
from domain.plan.preview import Foreseen, preview
from domain.plan.rules import ROUTE
from domain.recurrence.trigger import timing
from domain.time.local_time import to_instant
from domain.time.working_calendar import Calendar

MOST = 1_000
"""Occurrences in one answer."""

SPAN = timedelta(days=92)
FURTHEST = timedelta(days=3_660)
YEARS = range(1970, 2200)


class OccurrenceView(msgspec.Struct, frozen=True, kw_only=True):
    """An occurrence that generates one order. `asset_id` is null for a route of several assets."""

    occurrence: str
    time_zone: str
    due_at: datetime
    generate_at: datetime
    asset_id: str | None
    skipped: Skip | UnsetType = UNSET


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    message: str


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """`more`: there are further occurrences before `until`. `error`: why the plan cannot generate, as in its
    quarantine. `meter`: for a plan by meter, the total at which it is due; the time is unknown."""

    occurrences: list[OccurrenceView]
    more: bool
    error: Refusal | UnsetType = UNSET
    meter: Expected | UnsetType = UNSET


def route(reader: Reader, db: AsyncDatabase[Any], now: Callable[[], datetime]) -> HTTPRouteHandler:
    spans = [
        parameter("from", "query", "an instant, or a day in the plan's time zone; default now"),
        parameter("to", "query", "likewise, itself excluded; default 92 days later, at most ten years"),
    ]

    @get(
        "/api/plans/{id:str}/preview",
        operation_id="plans.preview",
        operation_class=operation(parameters=spans, responses=answering("The occurrences", Preview)),
        tags=["read"],
        security=BEARER,
    )
    async def show_preview(request: Request[Any, Any, Any], id: FromPath[str]) -> ASGIResponse:
        """The occurrences that a plan will generate, and those it will skip, with the reason."""
        actor = await reader.actor(request, PLANS.permission)
        parameters = parse(request.scope["query_string"])
        span = {name: _moment(parameters.pop(name, None), name) for name in ("from", "to")}
        conditions(parameters, {})
        plan = msgspec.convert(await reader.find(PLANS, actor, id), Plan)
        since = _instant(span["from"], plan) or now()
        until = _instant(span["to"], plan) or since + SPAN
        if not timedelta() < until - since <= FURTHEST:
            raise bad("to", "out_of_range", "`to` is after `from`, by ten years at most")
        calendar = await _calendar(db, actor.tenant_id, plan)
        # In a thread: a decade of a busy plan takes a second, which must not block the event loop.
        ahead = await asyncio.to_thread(_preview, plan, calendar, since, until, now())
        return ASGIResponse(body=encode(ahead))

    return show_preview


async def _calendar(db: AsyncDatabase[Any], tenant_id: str, plan: Plan) -> Calendar | None:
    if plan.rules.calendar_id is None:
        return None
    query = {"_id": document_id(tenant_id, plan.rules.calendar_id), "tenant_id": tenant_id}
    document = await db["calendars"].find_one(query)
    return msgspec.convert(document, Calendar) if document else None


def _preview(
    plan: Plan, calendar: Calendar | None, since: datetime, until: datetime, now: datetime
) -> Preview:
    meter = expected_due(plan, now) or UNSET
    try:
        upcoming = list(islice(preview(plan, calendar, since, until, now=now), MOST + 1))
    except Rejected as refused:
        refusal = Refusal(code=refused.code, message=refused.message)
        return Preview(occurrences=[], more=False, error=refusal, meter=meter)
    return Preview(
        occurrences=list(map(_occurrence_view, upcoming[:MOST])), more=len(upcoming) > MOST, meter=meter
    )


def _occurrence_view(foreseen: Foreseen) -> OccurrenceView:
    lane, occurrence = foreseen
    return OccurrenceView(
        occurrence=occurrence.occurrence,
        time_zone=occurrence.time_zone,
        due_at=occurrence.due_at,
        generate_at=occurrence.generate_at,
        asset_id=None if lane == ROUTE else lane,
        skipped=occurrence.skipped or UNSET,
    )


def _moment(text: str | None, name: str) -> datetime | date | None:
    """Raises: Problem 422."""
    if text is None:
        return None
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            moment = read(text)
        except ValueError:
            continue
        if moment.year in YEARS and (not isinstance(moment, datetime) or moment.tzinfo is not None):
            return moment
    raise bad(name, "malformed", "takes an RFC 3339 time with an offset, or a day, of 1970 to 2199")


def _instant(moment: datetime | date | None, plan: Plan) -> datetime | None:
    """The instant; for a day, its start in the plan's time zone."""
    if moment is None:
        return None
    if isinstance(moment, datetime):
        return moment.astimezone(UTC)
    timed = timing(plan.rules.trigger)
    return to_instant(datetime.combine(moment, time()), timed.time_zone if timed else "UTC")
