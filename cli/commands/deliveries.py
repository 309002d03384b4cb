"""Deliveries of notices: list them; resend or settle those that failed or are uncertain."""

from collections.abc import Callable
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Column, Table

from adapters.delivery.ledger import STATES
from adapters.mongo.client import Document
from adapters.operators import deliveries as acts
from adapters.operators.audit import Act
from adapters.operators.deliveries import NoSuchDelivery, NotOpen, Settled
from adapters.settings.table import from_environment
from cli.acting import Reason, by_hand, done
from cli.database import opened
from cli.page import up_to
from cli.stop import Stop
from cli.tables import AsJson, console, print_json

app = typer.Typer(no_args_is_help=True)

DeliveryId = Annotated[str, typer.Argument(help="the delivery, as `list` shows it: tenant/id")]


@app.command("list")
def listed(
    state: Annotated[str | None, typer.Option(help=f"one of {', '.join(STATES)}")] = None,
    tenant: Annotated[str | None, typer.Option(help="only of this tenant")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """Deliveries, newest first."""
    if state is not None and state not in STATES:
        raise Stop(f"There is no state {state}: it is one of {', '.join(STATES)}.")
    with opened(from_environment()) as db:
        rows = up_to(limit, acts.listed(db, tenant, state=state, limit=limit + 1))
        to = acts.addresses(db, rows)
    if as_json:
        print_json([{**row, "address": to[row["_id"]]} for row in rows])
        return
    # Ids are copied, so they are never cut; the summary wraps.
    columns = (
        Column("delivery", no_wrap=True),
        Column("state", no_wrap=True),
        Column("what", overflow="fold"),
    )
    shown = Table(*columns, box=None, pad_edge=False, collapse_padding=True)
    for row in rows:
        shown.add_row(row["_id"], row["state"], _summary(row, to[row["_id"]]))
    console().print(shown if rows else "There are no such deliveries.")


def _summary(row: Document, to: str) -> str:
    """The kind and subject of the notice, its channel and recipient, and the error if any."""
    about = row.get("params", {}).get("number") or row["about"]
    wrong = f": {row['error']['code']}" if "error" in row else ""
    return f"{row['kind']} {about}, {row['channel']} to {to}{wrong}"


@app.command()
def resend(delivery_id: DeliveryId, reason: Reason) -> None:
    """Send it once more, under the same Message-ID."""
    with opened(from_environment()) as db:
        row = _decided(delivery_id, reason, lambda id, act: acts.resend(db, id, act))
    Console(highlight=False, soft_wrap=True).print(f"{row['_id']} is {row['state']} again.")


@app.command()
def settle(
    delivery_id: DeliveryId,
    reason: Reason,
    as_: Annotated[Literal["sent", "failed"], typer.Option("--as", help="what became of it")],
) -> None:
    """Say what became of it; it is not sent again."""
    state: Settled = as_
    with opened(from_environment()) as db:
        row = _decided(delivery_id, reason, lambda id, act: acts.settle(db, id, state, act))
    Console(highlight=False, soft_wrap=True).print(f"{row['_id']} is settled as {row['state']}.")


def _decided(delivery: str, reason: str, decide: Callable[[str, Act], Document]) -> Document:
    """Raises: Stop: nothing was done, and why."""
    tenant, _, id = delivery.rpartition("/")
    act = by_hand(tenant, reason)
    try:
        return done(lambda: decide(id, act))
    except NoSuchDelivery:
        raise Stop(f"There is no delivery {delivery}.") from None
    except NotOpen as error:
        raise Stop(f"Nothing was done: {error}.") from None
