"""People: list, create, reset, unlock, deactivate; their roles and sessions."""

from collections.abc import Callable
from typing import Annotated, Any

import typer
from msgspec.structs import replace
from pymongo.database import Database

from adapters.identity import accounts, credentials, sessions
from adapters.identity.accounts import Refused
from adapters.mongo.client import Document
from adapters.settings.table import from_environment
from cli.acting import Reason, by_hand, done, new_id
from cli.database import opened
from cli.passwords import PasswordFile, first_password
from cli.stop import Stop
from cli.tables import AsJson, console, print_rows
from domain.errors import Rejected
from domain.identity.actor import Actor
from domain.identity.user import User, is_address, with_activity, with_roles

app = typer.Typer(no_args_is_help=True)

Tenant = Annotated[str, typer.Argument(help="id of the tenant")]
Email = Annotated[str, typer.Argument(help="address that the user logs in with")]
Roles = Annotated[list[str], typer.Option("--role", help="a role; say it again for a further one")]

COLUMNS = ("email", "name", "roles", "active", "must_change_password")


@app.command("list")
def listed(tenant: Tenant, as_json: AsJson = False) -> None:
    """Everybody of a tenant, by address."""
    with opened(from_environment()) as db:
        found = accounts.users(db, tenant)
    rows = [{"id": user["id"]} | {name: user.get(name, False) for name in COLUMNS} for user in found]
    print_rows(rows, ("id", *COLUMNS), as_json=as_json, empty=f"Tenant {tenant} has nobody.")


@app.command()
def create(
    tenant: Tenant,
    email: Email,
    name: Annotated[str, typer.Option(help="name of the user")],
    role: Roles,
    reason: Reason,
    password_file: PasswordFile = None,
) -> None:
    """A user with a first password, which they must change at their first login."""
    if not is_address(email):
        raise Stop(f"{email} is no e-mail address.")
    settings = from_environment()
    with opened(settings) as db:
        password_hash, made = first_password(password_file, {"email": email, "name": name}, settings)
        act = by_hand(tenant, reason)
        id = new_id(act.at)
        _done(
            lambda: accounts.create_user(
                db, id, email=email, name=name, roles=role, password_hash=password_hash, act=act
            )
        )
    _say(f"{email} is a user of {tenant}.", made)


@app.command()
def reset(tenant: Tenant, email: Email, reason: Reason, password_file: PasswordFile = None) -> None:
    """A new first password; all sessions of the user end."""
    settings = from_environment()
    with opened(settings) as db:
        user = _user(db, tenant, email)
        known = credentials.credentials_of(db, user)
        password_hash, made = first_password(password_file, user, settings, known=known)
        act = by_hand(tenant, reason)
        done(lambda: credentials.set_password(db, user, password_hash, act, by="reset", must_change=True))
    _say(f"{email} has a new first password; their sessions have ended.", made)


@app.command()
def roles(tenant: Tenant, email: Email, role: Roles, reason: Reason) -> None:
    """Gives a user these roles instead of those of before."""
    _change(tenant, email, reason, "user.roles", lambda user, by: with_roles(user, role, by))
    _say(f"{email} has the roles {', '.join(role)}.")


@app.command()
def deactivate(tenant: Tenant, email: Email, reason: Reason) -> None:
    """Ends a user's access; their work stays theirs."""
    _change(tenant, email, reason, "user.deactivate", lambda user, by: with_activity(user, by, active=False))
    _say(f"{email} cannot log in any more; their sessions have ended.")


@app.command()
def activate(tenant: Tenant, email: Email, reason: Reason) -> None:
    """Lets a deactivated user work again, with the password of before."""
    _change(tenant, email, reason, "user.activate", lambda user, by: with_activity(user, by, active=True))
    _say(f"{email} can log in again.")


@app.command("sessions")
def sessions_(
    tenant: Tenant,
    email: Email,
    end: Annotated[bool, typer.Option("--end", help="end all of them; needs --reason")] = False,
    reason: Annotated[str, typer.Option(help="why they are ended; kept in the audit trail")] = "",
    as_json: AsJson = False,
) -> None:
    """Where a user is signed in; with `--end`, no longer."""
    with opened(from_environment()) as db:
        user = _user(db, tenant, email)
        act = by_hand(tenant, reason) if end else None
        rows = sessions.live(db, user, by_hand(tenant, "list").at)
        if act is not None:
            done(lambda: accounts.change_user(db, user["id"], _ended, act, "user.end_sessions"))
    columns = ("id", "created_at", "used_at", "expires_at", "address", "user_agent")
    shown = [{name: row[name] for name in columns} for row in rows]
    print_rows(shown, columns, as_json=as_json, empty=f"{email} is not signed in anywhere.")


def _ended(user: User) -> User:
    return replace(user, token_version=user.token_version + 1, session_epoch=user.session_epoch + 1)


def _change(tenant: str, email: str, reason: str, what: str, change: Callable[[User, Actor], User]) -> None:
    act = by_hand(tenant, reason)
    system = Actor(tenant_id=tenant, user_id=None)
    with opened(from_environment()) as db:
        user = _user(db, tenant, email)
        _done(lambda: accounts.change_user(db, user["id"], lambda found: change(found, system), act, what))


def _user(db: Database[Any], tenant: str, email: str) -> Document:
    return _done(lambda: accounts.by_email(db, tenant, email))


def _done(act: Callable[[], Document]) -> Document:
    """Raises: Stop: nothing was done, and why."""
    try:
        return done(act)
    except (Refused, Rejected) as error:
        raise Stop(f"Nothing was done: {error}.") from None


def _say(sentence: str, password: str | None = None) -> None:
    out = console()
    out.print(sentence, markup=False)
    if password:
        out.print(f"First password, shown once: {password}", markup=False)
