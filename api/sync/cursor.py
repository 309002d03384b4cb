"""How far a copy has come. All of it is in the cursor: the server keeps nothing about devices.

It is not signed: whoever forges one can only spoil their own copy, for what is told is decided by who asks.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from adapters.devices.lineage import Moment
from api.sync.scope import Sight

CURSOR_LIVES = timedelta(days=90)
"""As long as the keys of commands are kept: a device that was away longer begins anew, copy and outbox."""

LONGEST = 1_000

Reason = Literal[
    "malformed", "another_user", "another_server", "other_permissions", "from_the_future", "too_old"
]

Instant = Annotated[int, Meta(ge=0, le=10**14)]
"""Milliseconds since 1970."""

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Position(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Behind the row of this time and id, in a phase; in no phase: before the first."""

    phase: Annotated[str, Meta(max_length=40)] = ""
    at: Instant = 0
    id: Annotated[str, Meta(max_length=100)] = ""


class Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A place in a pass over what changed at or after `since` (None: over everything).

    `next` is where the pass after this one begins: all that was committed before it, this pass tells.
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


def begun(sight: Sight, moment: Moment, since: int | None, *, margin: timedelta) -> Cursor:
    """A pass that begins at this moment; what commits within `margin` of its time is told by the next one."""
    return Cursor(
        form=1,
        lineage=moment.lineage,
        owner=sight.owner,
        extent=sight.extent,
        since=since,
        next=milliseconds(moment.at - margin),
        position=Position(),
    )


def written(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).rstrip(b"=").decode("ascii")


def read(text: str) -> Cursor | None:
    """None: it is not one of ours."""
    if len(text) > LONGEST:
        return None
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=Cursor)
    except (binascii.Error, ValueError):
        return None


def fault(cursor: Cursor | None, sight: Sight, moment: Moment) -> Reason | None:
    """Why nothing can be told from here on without leaving something out; None: it can."""
    if cursor is None:
        return "malformed"
    if cursor.owner != sight.owner:
        return "another_user"
    if cursor.lineage != moment.lineage:
        return "another_server"
    if cursor.extent != sight.extent:
        return "other_permissions"
    # A clock that was set back by more than the margin stamps changes that this cursor is already behind.
    if cursor.next > milliseconds(moment.at):
        return "from_the_future"
    if min(cursor.next, cursor.since or cursor.next) < milliseconds(moment.at - CURSOR_LIVES):
        return "too_old"
    return None


def milliseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def instant(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)
