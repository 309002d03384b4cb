"""Schedules and locks, for operators of the platform, across tenants."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

import anyio.to_thread
import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from msgspec import UNSET, UnsetType
from pymongo.database import Database

from adapters.mongo.client import Document
from adapters.mongo.server_time import server_time
from adapters.operators import schedules
from adapters.operators.audit import Act
from adapters.operators.schedules import Lock, NoSuchLock, NotNow
from api.http import body
from api.http.encoding import encode
from api.http.openapi import BEARER, PROBLEM, Items, answering, operation, schema_of
from api.http.problem import Problem, not_found
from api.identity.acts import Acting, Because
from schedules.declaration import CatchUp, Overlap, Schedule

T = TypeVar("T")

READ = "platform.read"
MANAGE = "platform.manage"

ACTS: dict[str, Callable[[Database[Any], str, Act], Document]] = {
    "pause": schedules.pause,
    "resume": schedules.resume,
    "run": schedules.run,
}


class Paused(msgspec.Struct, frozen=True):
    by: str
    at: datetime
    reason: str


class RunRequest(msgspec.Struct, frozen=True):
    """A run requested by a person that no scheduler has started yet."""

    id: str
    at: datetime
    by: str


class Fired(msgspec.Struct, frozen=True, kw_only=True):
    """A fire that requested commands."""

    id: str
    slot: datetime
    by: Literal["rule", "person"]
    state: Literal["running", "done"]
    began_at: datetime
    ended_at: datetime | UnsetType = UNSET
    commands: int


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule: its declaration, and its progress."""

    name: str
    summary: str
    rule: str
    catch_up: CatchUp
    overlap: Overlap
    paused: Paused | None
    last_slot: datetime | None
    next_slot: datetime
    lag_s: float
    last_fired_at: datetime | None
    last_commands: int | None
    passed_over: int
    requests: list[RunRequest]
    lease: Lock | None
    fires: list[Fired]


class Schedules:
    """`db` is synchronous and used in threads, as for the command line."""

    def __init__(
        self,
        db: Database[Any],
        acting: Acting,
        table: dict[str, Schedule],
    ) -> None:
        self._db = db
        self._acting = acting
        self._table = table

    async def schedules(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        await self._acting.actor(request, READ)
        states = await _threaded(lambda: schedules.states(self._db, list(self._table)))
        now = await _threaded(lambda: server_time(self._db))
        items = [schedule_view(schedule, states[name], now) for name, schedule in self._table.items()]
        return ASGIResponse(body=encode(Items(items)))

    async def locks(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        await self._acting.actor(request, READ)
        return ASGIResponse(body=encode(Items(await _threaded(lambda: schedules.locks(self._db)))))

    async def act(self, request: Request[Any, Any, Any], name: str, what: str) -> ASGIResponse:
        act = await self._act(request)
        schedule = self._table.get(name)
        if schedule is None:
            raise not_found("schedule", name[:100])
        if what not in ACTS:
            raise not_found("act", what[:100])
        state = await _threaded(lambda: ACTS[what](self._db, name, act))
        return ASGIResponse(body=encode(schedule_view(schedule, state, act.at)))

    async def release(self, request: Request[Any, Any, Any], name: str) -> ASGIResponse:
        act = await self._act(request)
        await _threaded(lambda: schedules.release(self._db, name, act))
        locks = await _threaded(lambda: schedules.locks(self._db))
        return ASGIResponse(body=encode(next(lock for lock in locks if lock.name == name)))

    async def _act(self, request: Request[Any, Any, Any]) -> Act:
        actor = await self._acting.actor(request, MANAGE)
        because = await body.read_json(request, Because)
        return self._acting.by(actor, request, because.reason)


def schedule_view(schedule: Schedule, state: Document, now: datetime) -> Shown:
    last = state.get("last_slot")
    following = schedule.rule.after(last) if last else schedule.rule.last(now)
    return Shown(
        name=schedule.name,
        summary=schedule.summary,
        rule=str(schedule.rule),
        catch_up=schedule.catch_up,
        overlap=schedule.overlap,
        paused=msgspec.convert(state.get("paused"), Paused | None),
        last_slot=last,
        next_slot=following,
        lag_s=max(now - following, timedelta()).total_seconds(),
        last_fired_at=state.get("last_fired_at"),
        last_commands=state.get("last_commands"),
        passed_over=state.get("passed_over", 0),
        requests=msgspec.convert(state.get("requests", []), list[RunRequest]),
        lease=state.get("lease"),
        fires=[msgspec.convert(fire | {"id": fire["_id"]}, Fired) for fire in state.get("fires", [])],
    )


async def _threaded(work: Callable[[], T]) -> T:
    """Runs it in a thread. Raises: Problem."""
    try:
        return await anyio.to_thread.run_sync(work)
    except NoSuchLock as error:
        raise not_found("lock", str(error)[:100]) from None
    except NotNow as error:
        raise Problem(409, "not_now", str(error)) from None


def routes(known: Schedules) -> list[HTTPRouteHandler]:
    root = "/api/operator"
    shared: dict[str, Any] = {"tags": ["operator"], "security": BEARER}
    because = schema_of(Because)
    refused = {"409": ("`not_now`", PROBLEM)}

    @get(
        f"{root}/schedules",
        operation_id="schedules.list",
        operation_class=operation(responses=answering("All of them", Items[Shown])),
        **shared,
    )
    async def listed(request: Request[Any, Any, Any]) -> ASGIResponse:
        """Every schedule: its rule, what it did last and does next, who holds its lease."""
        return await known.schedules(request)

    @post(
        f"{root}/schedules/{{name:str}}/{{act:str}}",
        status_code=200,
        operation_id="schedules.act",
        operation_class=operation(request=because, responses={**answering("As it is now", Shown), **refused}),
        **shared,
    )
    async def act(request: Request[Any, Any, Any], name: FromPath[str], act: FromPath[str]) -> ASGIResponse:
        """`pause`, `resume` or `run` it; a run is one fire beside the rule's."""
        return await known.act(request, name, act)

    @get(
        f"{root}/locks",
        operation_id="locks.list",
        operation_class=operation(responses=answering("All of them", Items[Lock])),
        **shared,
    )
    async def locks(request: Request[Any, Any, Any]) -> ASGIResponse:
        """Every lease: who holds it, with which token, until when."""
        return await known.locks(request)

    @post(
        f"{root}/locks/{{name:str}}/release",
        status_code=200,
        operation_id="locks.release",
        operation_class=operation(request=because, responses={**answering("As it is now", Lock), **refused}),
        **shared,
    )
    async def release(request: Request[Any, Any, Any], name: FromPath[str]) -> ASGIResponse:
        """Release the lease; writes of its former holder are fenced off."""
        return await known.release(request, name)

    # The lock of an import is `import:<tenant>/<name>`; a slash comes decoded, however it was written.
    @post(f"{root}/locks/{{first:str}}/{{rest:str}}/release", status_code=200, include_in_schema=False)
    async def release_in_two(
        request: Request[Any, Any, Any], first: FromPath[str], rest: FromPath[str]
    ) -> ASGIResponse:
        return await known.release(request, f"{first}/{rest}")

    return [listed, act, locks, release, release_in_two]
