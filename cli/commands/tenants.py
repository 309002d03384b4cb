"""Tenants: list them, or create one with its first admin."""

import re
from typing import Annotated, Any

import typer
from pymongo.database import Database

from adapters.identity import accounts
from adapters.identity.accounts import Refused
from adapters.settings.table import from_environment
from cli.acting import by_hand, done, new_id
from cli.database import opened
from cli.passwords import PasswordFile, first_password
from cli.stop import Stop
from cli.tables import AsJson, console, print_rows
from domain.identity.permissions import PLATFORM
from domain.identity.user import is_address

app = typer.Typer(no_args_is_help=True)

TENANT = re.compile(r"[a-z][a-z0-9-]{1,39}")


@app.command("list")
def listed(as_json: AsJson = False) -> None:
    """Every tenant."""
    with opened(from_environment()) as db:
        rows = [{"tenant": row["_id"], "name": row["name"]} for row in accounts.tenants(db)]
    print_rows(rows, ("tenant", "name"), as_json=as_json, empty="There is no tenant yet.")


@app.command()
def create(
    tenant: Annotated[str, typer.Argument(help="its id, for ever: lower-case letters, digits and -")],
    name: Annotated[str, typer.Option(help="what people call it")],
    admin_email: Annotated[str, typer.Option(help="address of the first admin")],
    admin_name: Annotated[str, typer.Option(help="name of the first admin")],
    password_file: PasswordFile = None,
    reason: Annotated[str, typer.Option(help="why; it is kept in the audit trail")] = "new tenant",
) -> None:
    """A tenant and its first admin, who must choose another password at their first login.

    The tenant `platform` is of those who run the installation: its people see queues, workers, locks and
    schedules of all tenants, and nothing else.
    """
    if not TENANT.fullmatch(tenant):
        raise Stop("A tenant's id has 2 to 40 lower-case letters, digits and -, a letter first.")
    if not is_address(admin_email):
        raise Stop(f"{admin_email} is no e-mail address.")
    settings = from_environment()
    with opened(settings) as db:
        password_hash, made = first_password(
            password_file, {"email": admin_email, "name": admin_name}, settings
        )
        done(lambda: _create(db, tenant, name, admin_email, admin_name, password_hash, reason))
    out = console()
    out.print(f"Tenant {tenant} is there; {admin_email} is its first admin.", markup=False)
    if made:
        out.print(f"First password, shown once: {made}", markup=False)


def _create(
    db: Database[Any],
    tenant: str,
    name: str,
    admin_email: str,
    admin_name: str,
    password_hash: str,
    reason: str,
) -> None:
    """Raises: Stop: the tenant or the address is taken; a tenant without anybody is completed."""
    act = by_hand(tenant, reason)
    try:
        if not any(row["_id"] == tenant for row in accounts.tenants(db)) or accounts.users(db, tenant):
            accounts.create_tenant(db, tenant, name, act)
        by = by_hand(tenant, reason)
        accounts.create_user(
            db,
            new_id(by.at),
            email=admin_email,
            name=admin_name,
            roles=[PLATFORM if tenant == PLATFORM else "admin"],
            password_hash=password_hash,
            act=by,
        )
    except Refused as error:
        raise Stop(f"Nothing was done: {error}.") from None
