"""The sync cursor: how far a copy has come. The server stores nothing about devices.

It is not signed: a forged one can only spoil its owner's copy, as the token decides what is sent.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from adapters.devices.lineage import Moment
from api.sync.scope import Scope

CURSOR_LIVES = timedelta(days=90)
"""As long as the keys of commands are kept: a device that was away longer starts over, copy and outbox."""

LONGEST = 1_000

Reason = Literal[
    "malformed", "another_user", "another_server", "other_permissions", "from_the_future", "too_old"
]

Instant = Annotated[int, Meta(ge=0, le=10**14)]
"""Milliseconds since 1970."""

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Position(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """After the row with this time and id, in a phase. Without a phase: before the first."""

    phase: Annotated[str, Meta(max_length=40)] = ""
    at: Instant = 0
    id: Annotated[str, Meta(max_length=100)] = ""


class Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A position in a pass over the changes at or after `since` (None: over everything).

    `next` is where the following pass begins: this pass has everything committed before it.
    """

    form: Literal[1]
    lineage: Annotated[str, Meta(max_length=100)]
    owner: Annotated[str, Meta(max_length=40)]
    extent: Annotated[str, Meta(max_length=100)]
    since: Instant | None
    next: Instant
    position: Position

    @property
    def is_full(self) -> bool:
        return self.since is None


def start(scope: Scope, moment: Moment, since: int | None, *, margin: timedelta) -> Cursor:
    """The cursor of a new pass; changes within `margin` before this moment are left to the next pass."""
    return Cursor(
        form=1,
        lineage=moment.lineage,
        owner=scope.owner,
        extent=scope.extent,
        since=since,
        next=milliseconds(moment.at - margin),
        position=Position(),
    )


def encode(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).rstrip(b"=").decode("ascii")


def decode(text: str) -> Cursor | None:
    """The decoded cursor; None if it is not one of ours."""
    if len(text) > LONGEST:
        return None
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=Cursor)
    except (binascii.Error, ValueError):
        return None


def resync_reason(cursor: Cursor | None, scope: Scope, moment: Moment) -> Reason | None:
    """Why this cursor cannot be continued without missing changes; None if it can."""
    if cursor is None:
        return "malformed"
    if cursor.owner != scope.owner:
        return "another_user"
    if cursor.lineage != moment.lineage:
        return "another_server"
    if cursor.extent != scope.extent:
        return "other_permissions"
    # After the clock was set back by more than the margin, changes would be stamped before this cursor.
    if cursor.next > milliseconds(moment.at):
        return "from_the_future"
    if min(cursor.next, cursor.since or cursor.next) < milliseconds(moment.at - CURSOR_LIVES):
        return "too_old"
    return None


def milliseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def instant(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)
