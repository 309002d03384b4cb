"""What operators of a tenant see and do: dead letters, the audit trail, conservation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, TypeVar

import anyio.to_thread
import msgspec
import pymongo
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from msgspec import Meta

from adapters.commands.json_limits import Unstorable
from adapters.mongo.client import Document, document_id, ids_of
from adapters.operators import dead_letters
from adapters.operators.conservation import Row, conservation
from adapters.operators.dead_letters import (
    REPLAY,
    Edit,
    NoSuchCommand,
    NotAllowed,
    NotDead,
    NotEditable,
    OtherTarget,
    Outcome,
)
from api.http import body
from api.http.encoding import encode
from api.http.openapi import BEARER, PROBLEM, answering, operation, page_of, parameter, schema_of
from api.http.paging import take_limit
from api.http.problem import Fault, Problem, invalid, not_found
from api.http.query import conditions, parse
from api.identity.acts import Because, Means
from api.reads.timeline import check_cursor
from api.views.operator_command import COMMAND, told
from domain.fields import Reason
from domain.identity.actor import Actor

T = TypeVar("T")

COUNTED_WITHIN = timedelta(seconds=30)
"""Conservation looks at every command there is, and no filter makes them fewer."""


class Replay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Reason
    payload: Annotated[dict[str, Any], Meta(description="in place of the dead one's")] | None = None


class Conservation(msgspec.Struct, frozen=True, kw_only=True):
    """Whether every command that was accepted is final or active: all in all, and by type."""

    balanced: bool
    items: list[Row]


class Operators:
    """All by `acts_db`, in threads: these are few, and share their code with the command line."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._db = means.acts_db

    async def listed(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        actor = await self._means.acting.actor(request, "ops.read")
        limit, before = _page(request)
        found = await _threaded(
            lambda: dead_letters.listed(self._db, actor.tenant_id, limit=limit + 1, before=before)
        )
        more = found[limit - 1]["_id"] if len(found) > limit else None
        return _json({"items": [told(command) for command in found[:limit]], "cursor": more})

    async def show(self, request: Request[Any, Any, Any], id: str) -> ASGIResponse:
        actor = await self._means.acting.actor(request, "ops.read")
        return _json(told(await _threaded(lambda: dead_letters.show(self._db, actor.tenant_id, id))))

    async def replay(self, request: Request[Any, Any, Any], id: str) -> ASGIResponse:
        actor = await self._means.acting.actor(request, REPLAY)
        wanted = await body.said(request, Replay)
        act = self._means.acting.by(actor, request, wanted.reason)
        if wanted.payload is None:
            outcome = await _threaded(lambda: dead_letters.replay(self._db, id, act))
        else:
            edit = await self._edit(actor, id, wanted.payload)
            outcome = await _threaded(
                lambda: dead_letters.replay_edited(self._db, id, act, edit, keys_kept=self._means.keys_kept)
            )
            self._means.metrics.commands_accepted.labels(edit.spec.type).inc()
            self._means.metrics.commands_final.labels(edit.spec.type, "superseded").inc()
        return self._done(outcome, status=202)

    async def discard(self, request: Request[Any, Any, Any], id: str) -> ASGIResponse:
        actor = await self._means.acting.actor(request, "ops.discard")
        wanted = await body.said(request, Because)
        act = self._means.acting.by(actor, request, wanted.reason)
        outcome = await _threaded(
            lambda: dead_letters.discard(self._db, id, act, keys_kept=self._means.keys_kept)
        )
        self._means.metrics.commands_final.labels(outcome.command["type"], "discarded").inc()
        return self._done(outcome, status=200)

    async def audit(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        actor = await self._means.acting.actor(request, "audit.read")
        limit, before = _page(request)
        query: Document = {"tenant_id": actor.tenant_id} | ids_of(actor.tenant_id)
        if before is not None:
            query["_id"]["$lt"] = document_id(actor.tenant_id, before)
        rows = await _threaded(
            lambda: list(self._db["operator_actions"].find(query).sort("_id", -1).limit(limit + 1))
        )
        items = [
            {name: row[name] for name in row if name not in ("_id", "tenant_id")} for row in rows[:limit]
        ]
        return _json({"items": items, "cursor": items[-1]["id"] if len(rows) > limit else None})

    async def conservation(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        actor = await self._means.acting.actor(request, "ops.read")

        def counted() -> list[Row]:
            with pymongo.timeout(COUNTED_WITHIN.total_seconds()):
                return conservation(self._db, actor.tenant_id)

        rows = await _threaded(counted)
        return _json(Conservation(balanced=all(row.balanced for row in rows), items=rows))

    async def _edit(self, actor: Actor, id: str, payload: Document) -> Edit:
        """Judged like a command at the door: the operator needs that command's permission too."""
        command = await _threaded(lambda: dead_letters.show(self._db, actor.tenant_id, id))
        try:
            return dead_letters.edit(
                command,
                payload,
                catalogue=self._means.catalogue,
                may=actor.can,
                new_id=self._means.acting.new_id(),
            )
        except NotEditable as error:
            raise Problem(409, "not_editable", str(error)) from None
        except NotAllowed as error:
            raise Problem(403, "forbidden", str(error), permission=error.permission) from None
        except Unstorable as error:
            fault = Fault(*error.flaw)
        except msgspec.ValidationError as error:
            fault = body.fault_of(str(error), self._means.catalogue[command["type"]].payload)
        raise invalid(Fault(f"/payload{fault.path}", fault.code, fault.message))

    def _done(self, outcome: Outcome, *, status: int) -> ASGIResponse:
        command = outcome.command
        for line in outcome.lines:
            self._means.hints.hint(command["queue"], line)
        headers = {"location": f"/api/commands/{command['_id']}"}
        return ASGIResponse(body=encode(told(command)), status_code=status, headers=headers)


async def _threaded(work: Callable[[], T]) -> T:
    """Runs it in a thread. Raises: Problem, for what dead letters refuse."""
    try:
        return await anyio.to_thread.run_sync(work)
    except NoSuchCommand as error:
        raise not_found("command", str(error)[:100]) from None
    except NotDead as error:
        raise Problem(409, "not_dead", str(error), state=error.state) from None
    except OtherTarget as error:
        fault = Fault("/payload", "other_target", f"a replay stays with its target, {error}")
        raise invalid(fault) from None


def _page(request: Request[Any, Any, Any]) -> tuple[int, str | None]:
    given = parse(request.scope["query_string"])
    limit = take_limit(given)
    before = check_cursor(given.pop("cursor", None)) or None
    conditions(given, {})
    return limit, before


def _json(value: Any) -> ASGIResponse:
    return ASGIResponse(body=encode(value))


def routes(operators: Operators) -> list[HTTPRouteHandler]:
    paged = [
        parameter("limit", "query", "rows of a page"),
        parameter("cursor", "query", "of the page before"),
    ]
    not_dead = {"409": ("It is not dead, or its payload cannot be replaced", PROBLEM)}
    one = {"200": ("The command", COMMAND), **not_dead}
    root = "/api/operator"
    shared: dict[str, Any] = {"tags": ["operator"], "security": BEARER}

    @get(
        f"{root}/dead-letters",
        operation_id="dead-letters.list",
        operation_class=operation(parameters=paged, responses=page_of(COMMAND)),
        **shared,
    )
    async def listed(request: Request[Any, Any, Any]) -> ASGIResponse:
        """Dead commands of my tenant, newest first."""
        return await operators.listed(request)

    @get(
        f"{root}/dead-letters/{{command_id:str}}",
        operation_id="dead-letters.show",
        operation_class=operation(responses=one),
        **shared,
    )
    async def show(request: Request[Any, Any, Any], command_id: FromPath[str]) -> ASGIResponse:
        """One dead command with its traceback."""
        return await operators.show(request, command_id)

    @post(
        f"{root}/dead-letters/{{command_id:str}}/replay",
        status_code=202,
        operation_id="dead-letters.replay",
        operation_class=operation(
            request=schema_of(Replay),
            responses={"202": ("The command that stands now", COMMAND), **not_dead},
        ),
        **shared,
    )
    async def replay(request: Request[Any, Any, Any], command_id: FromPath[str]) -> ASGIResponse:
        """Put it back at the end of its line; with a payload, a new command takes its place."""
        return await operators.replay(request, command_id)

    @post(
        f"{root}/dead-letters/{{command_id:str}}/discard",
        status_code=200,
        operation_id="dead-letters.discard",
        operation_class=operation(request=schema_of(Because), responses=one),
        **shared,
    )
    async def discard(request: Request[Any, Any, Any], command_id: FromPath[str]) -> ASGIResponse:
        """Give it up for good."""
        return await operators.discard(request, command_id)

    @get(
        f"{root}/audit",
        operation_id="operator.audit",
        operation_class=operation(parameters=paged, responses=page_of()),
        **shared,
    )
    async def audit(request: Request[Any, Any, Any]) -> ASGIResponse:
        """What operators did in my tenant, newest first."""
        return await operators.audit(request)

    @get(
        f"{root}/conservation",
        operation_id="operator.conservation",
        operation_class=operation(responses=answering("Counted now", Conservation)),
        **shared,
    )
    async def conserved(request: Request[Any, Any, Any]) -> ASGIResponse:
        """Accepted = final + active, per type, counted now."""
        return await operators.conservation(request)

    return [listed, show, replay, discard, audit, conserved]
