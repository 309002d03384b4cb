"""List, show, replay and discard dead letters; every act needs a reason and is audited."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from pymongo.database import Database
from rich.console import Console

from adapters.broker import hints
from adapters.commands.json_limits import Unstorable
from adapters.commands.secrets import masked
from adapters.identity.roles import grants_of
from adapters.mongo.client import Unwritable, document_id
from adapters.operators import dead_letters
from adapters.operators.audit import Act
from adapters.operators.dead_letters import (
    Edit,
    NoSuchCommand,
    NotAllowed,
    NotDead,
    NotEditable,
)
from adapters.operators.edits import OtherTarget
from adapters.operators.outcomes import Outcome
from adapters.settings.table import Settings, from_environment
from cli.acting import Reason, by_hand, done, new_id
from cli.database import opened
from cli.page import up_to
from cli.stop import Stop
from cli.tables import AsJson, print_rows
from domain.identity.permissions import allows
from tasks.catalogue import catalogue

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True)

CommandId = Annotated[str, typer.Argument(help="id of the dead command")]
Tenant = Annotated[str | None, typer.Option(help="only of this tenant")]


@app.command("list")
def listed(
    tenant: Tenant = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """Dead commands, newest first."""
    with opened(from_environment()) as db:
        commands = up_to(limit, dead_letters.listed(db, tenant, limit=limit + 1))
    rows = [
        {
            "command": command["_id"],
            "tenant": command["tenant_id"],
            "type": command["type"],
            "code": command.get("error", {}).get("code"),
            "died_at": command["finished_at"],
        }
        for command in commands
    ]
    columns = ("command", "tenant", "type", "code", "died_at")
    print_rows(rows, columns, as_json=as_json, empty="There are no dead letters.")


@app.command()
def show(command_id: CommandId) -> None:
    """One dead command, with its payload, history and traceback."""
    with opened(from_environment()) as db:
        command = _refusals(lambda: dead_letters.show(db, None, command_id))
    out = Console(soft_wrap=True, highlight=False)
    error = command.get("error", {})
    traceback = error.pop("traceback", None)
    known = {name: value for name, value in masked(command).items() if name not in ("seq", "idempotency")}
    out.print(
        msgspec.json.format(msgspec.json.encode(known, enc_hook=_plain), indent=2).decode(), markup=False
    )
    if traceback:
        out.print(traceback, markup=False)


@app.command()
def replay(
    command_id: CommandId,
    reason: Reason,
    payload: Annotated[Path | None, typer.Option(help="a JSON file to take in place of the payload")] = None,
    as_: Annotated[
        str | None, typer.Option("--as", help="login of the operator; needed for another payload")
    ] = None,
) -> None:
    """Requeue it at the end of its target queue; with another payload, a new command replaces it."""
    settings = from_environment()
    with opened(settings) as db:
        command = _refusals(lambda: dead_letters.show(db, None, command_id))
        act = _act(db, command["tenant_id"], reason, as_)
        if payload is None:
            outcome = _refusals(lambda: dead_letters.replay(db, command_id, act))
        else:
            edit = _edit(db, command, act, payload)
            kept = settings.idempotency_ttl
            outcome = _refusals(lambda: dead_letters.replay_edited(db, command_id, act, edit, keys_kept=kept))
    _hint(settings, outcome)
    Console().print(f"{outcome.command['_id']} is accepted again.")


@app.command()
def discard(
    command_id: CommandId,
    reason: Reason,
    as_: Annotated[str | None, typer.Option("--as", help="login of the operator")] = None,
) -> None:
    """Give it up for good."""
    settings = from_environment()
    with opened(settings) as db:
        command = _refusals(lambda: dead_letters.show(db, None, command_id))
        act = _act(db, command["tenant_id"], reason, as_)
        kept = settings.idempotency_ttl
        outcome = _refusals(lambda: dead_letters.discard(db, command_id, act, keys_kept=kept))
    _hint(settings, outcome)
    Console().print(f"{command_id} is discarded.")


def _plain(value: Any) -> Any:
    """The JSON form of a stored value: the driver's integer type as a number, all others as text."""
    return int(value) if isinstance(value, int) else str(value)


def _refusals(act: Callable[[], T]) -> T:
    """The result of `act`. Raises: Stop: a refusal, as one line."""
    try:
        return done(act)
    except NoSuchCommand as error:
        raise Stop(f"There is no command {error}.") from None
    except NotDead as error:
        raise Stop(f"Nothing was done: {error}.") from None
    except Unwritable as error:
        raise Stop(f"Nothing was done: MongoDB refuses it: {error}") from None


def _act(db: Database[dict[str, Any]], tenant_id: str, reason: str, login: str | None) -> Act:
    return by_hand(tenant_id, reason, user_id=_user(db, tenant_id, login)["id"] if login else None)


def _user(db: Database[dict[str, Any]], tenant_id: str, login: str) -> dict[str, Any]:
    account = db.logins.find_one({"_id": login.lower(), "tenant_id": tenant_id})
    user = (
        db.users.find_one({"_id": document_id(tenant_id, account["user_id"]), "active": True})
        if account
        else None
    )
    if user is None:
        raise Stop(f"{login} is no active user of tenant {tenant_id}.")
    return user


def _edit(db: Database[dict[str, Any]], command: dict[str, Any], act: Act, file: Path) -> Edit:
    """The new payload, checked as on acceptance: the user needs the command's permission too."""
    if act.user_id is None:
        raise Stop("Another payload is another command: name its user with --as.")
    user = db.users.find_one({"_id": document_id(act.tenant_id, act.user_id)})
    can = grants_of(db, user) if user else frozenset()
    try:
        payload = json.loads(file.read_text(encoding="utf-8"))
        return dead_letters.edit(
            command,
            payload,
            catalogue=catalogue(),
            may=lambda permission: allows(can, permission),
            new_id=new_id(act.at),
        )
    except (NotEditable, NotAllowed, OtherTarget) as error:
        raise Stop(f"Nothing was done: {error}.") from None
    except Unstorable as error:
        raise Stop(f"{file} cannot be kept: {error} (at {error.flaw.path or '/'})") from None
    except (OSError, ValueError, RecursionError) as error:
        raise Stop(f"{file} is no payload of {command['type']}: {error}") from None


def _hint(settings: Settings, outcome: Outcome) -> None:
    """Hints the target queues, best effort: the relay sends lost hints."""
    broker = hints.broker(settings.broker)
    try:
        hints.send(broker, outcome.command["queue"], outcome.targets)
    except hints.Unheard:
        Console(stderr=True).print("Valkey does not answer: the relay will hint it when it is back.")
    finally:
        broker.close()
