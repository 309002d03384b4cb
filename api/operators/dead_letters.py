"""/api/operator/dead-letters: commands that failed for good, replayed or discarded by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import anyio.to_thread
import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from msgspec import Meta

from adapters.mongo.client import Document
from adapters.operators import dead_letters
from adapters.operators.dead_letters import (
    REPLAY,
    Edit,
    NoSuchCommand,
    NotAllowed,
    NotDead,
    NotEditable,
)
from adapters.operators.outcomes import Outcome
from api.commands.edits import faults_of_edit
from api.commands.means import Means
from api.http import body
from api.http.encoding import encode
from api.http.openapi import BEARER, PROBLEM, operation, page_of, parameter, schema_of
from api.http.paging import page_parameters
from api.http.problem import Problem, not_found
from api.identity.acts import Because
from api.views.operator_command import COMMAND, operator_view
from domain.fields import Reason
from domain.identity.actor import Actor
from tasks.command import Payload

T = TypeVar("T")


class Replay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Reason
    payload: Annotated[dict[str, Any], Meta(description="in place of the dead one's")] | None = None


class DeadLetters:
    """Uses `acts_db` in threads: these requests are few, and share their code with the command line."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._db = means.acts_db

    async def listed(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        actor = await self._means.acting.actor(request, "ops.read")
        limit, before = page_parameters(request.scope["query_string"])
        commands = await _threaded(
            lambda: dead_letters.listed(self._db, actor.tenant_id, limit=limit + 1, before=before)
        )
        cursor = commands[limit - 1]["_id"] if len(commands) > limit else None
        return _json({"items": [operator_view(command) for command in commands[:limit]], "cursor": cursor})

    async def show(self, request: Request[Any, Any, Any], id: str) -> ASGIResponse:
        actor = await self._means.acting.actor(request, "ops.read")
        return _json(operator_view(await _threaded(lambda: dead_letters.show(self._db, actor.tenant_id, id))))

    async def replay(self, request: Request[Any, Any, Any], id: str) -> ASGIResponse:
        actor = await self._means.acting.actor(request, REPLAY)
        replay = await body.read_json(request, Replay)
        act = self._means.acting.by(actor, request, replay.reason)
        if replay.payload is None:
            outcome = await _threaded(lambda: dead_letters.replay(self._db, id, act))
        else:
            edit = await self._edit(actor, id, replay.payload)
            outcome = await _threaded(
                lambda: dead_letters.replay_edited(self._db, id, act, edit, keys_kept=self._means.keys_kept)
            )
        return self._done(outcome, status=202)

    async def discard(self, request: Request[Any, Any, Any], id: str) -> ASGIResponse:
        actor = await self._means.acting.actor(request, "ops.discard")
        because = await body.read_json(request, Because)
        act = self._means.acting.by(actor, request, because.reason)
        outcome = await _threaded(
            lambda: dead_letters.discard(self._db, id, act, keys_kept=self._means.keys_kept)
        )
        return self._done(outcome, status=200)

    async def _edit(self, actor: Actor, id: str, payload: Document) -> Edit:
        """The edited payload, checked as on acceptance: the operator needs the command's permission too."""
        command = await _threaded(lambda: dead_letters.show(self._db, actor.tenant_id, id))
        spec = self._means.catalogue.get(command["type"])
        try:
            with faults_of_edit(spec.payload if spec else Payload):
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

    def _done(self, outcome: Outcome, *, status: int) -> ASGIResponse:
        command = outcome.command
        self._means.publish(outcome)
        headers = {"location": f"/api/commands/{command['_id']}"}
        return ASGIResponse(body=encode(operator_view(command)), status_code=status, headers=headers)


async def _threaded(work: Callable[[], T]) -> T:
    """Runs it in a thread. Raises: Problem, for what dead letters refuse."""
    try:
        return await anyio.to_thread.run_sync(work)
    except NoSuchCommand as error:
        raise not_found("command", str(error)[:100]) from None
    except NotDead as error:
        raise Problem(409, "not_dead", str(error), state=error.state) from None


def _json(value: Any) -> ASGIResponse:
    return ASGIResponse(body=encode(value))


def routes(letters: DeadLetters) -> list[HTTPRouteHandler]:
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
        return await letters.listed(request)

    @get(
        f"{root}/dead-letters/{{command_id:str}}",
        operation_id="dead-letters.show",
        operation_class=operation(responses=one),
        **shared,
    )
    async def show(request: Request[Any, Any, Any], command_id: FromPath[str]) -> ASGIResponse:
        """One dead command with its traceback."""
        return await letters.show(request, command_id)

    @post(
        f"{root}/dead-letters/{{command_id:str}}/replay",
        status_code=202,
        operation_id="dead-letters.replay",
        operation_class=operation(
            request=schema_of(Replay),
            responses={"202": ("The command that is queued now", COMMAND), **not_dead},
        ),
        **shared,
    )
    async def replay(request: Request[Any, Any, Any], command_id: FromPath[str]) -> ASGIResponse:
        """Requeue it at the end of its target queue; with a payload, a new command replaces it."""
        return await letters.replay(request, command_id)

    @post(
        f"{root}/dead-letters/{{command_id:str}}/discard",
        status_code=200,
        operation_id="dead-letters.discard",
        operation_class=operation(request=schema_of(Because), responses=one),
        **shared,
    )
    async def discard(request: Request[Any, Any, Any], command_id: FromPath[str]) -> ASGIResponse:
        """Give it up for good."""
        return await letters.discard(request, command_id)

    return [listed, show, replay, discard]
