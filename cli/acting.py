"""Acts from the command line: who does them and why, and a one-line message where one is refused."""

from __future__ import annotations

import getpass
import os
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, TypeVar

import typer

from adapters.mongo.client import Contention, Unavailable, UnknownOutcome
from adapters.operators.audit import Act
from adapters.process.clock import SystemClock
from cli.stop import Stop, first_words
from domain.ids import uuid7

T = TypeVar("T")

Reason = Annotated[str, typer.Option(help="why; it is kept in the audit trail")]


def new_id(at: datetime) -> str:
    """A new id with this time."""
    return uuid7(at, secrets.token_bytes(10))


def by_hand(tenant_id: str, reason: str, *, user_id: str | None = None) -> Act:
    """An act by the user of this terminal. Raises: Stop: without a reason."""
    if not reason.strip():
        raise Stop("A reason is needed: say why with --reason.")
    now = SystemClock().now()
    return Act(
        id=new_id(now),
        tenant_id=tenant_id,
        user_id=user_id,
        via="cli",
        reason=reason.strip(),
        at=now,
        name=_whoever(),
    )


def _whoever() -> str:
    """The login of this process; in a container its user may have a number only."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def done(act: Callable[[], T]) -> T:
    """The result of `act`. Raises: Stop: MongoDB did not answer, so the act may or may not have been done."""
    try:
        return act()
    except (Unavailable, UnknownOutcome, Contention) as error:
        raise Stop(
            f"MongoDB did not answer as it should; look whether it was done, and repeat: {first_words(error)}"
        ) from None
