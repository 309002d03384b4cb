"""What becomes of a change whose author saw an older version: one table for all commands. Pure.

| the command | when somebody else has changed it since |
|---|---|
| appends (labour, parts, costs, comments, photos, readings) | goes on |
| sets what is so already, or what nobody else has touched | goes on, field by field |
| sets what the office decides (`SERVER_WINS`), from a device | the office's value stays, with a warning |
| says when work really began or ended, or signs, from a device | the device's own time and signature count |
| moves the state, from a device | its table decides; refused on a moved state, it is a conflict |
| sets a field that somebody else has set otherwise | is a conflict, and a person decides |

What a device sent is never a conflict with what the same device sent before. Sources: the field rules of
ServiceNow's offline client; PowerSync and Linear for why a refused action must not block those behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from domain.entity import Entity

SERVER_WINS: Mapping[str, frozenset[str]] = {
    "work_order": frozenset({"assignee_ids", "team_id", "due_at", "priority"}),
}
"""By kind: what the office decides. An older wish from the field gives way to it."""

TABLED: Mapping[str, frozenset[str]] = {
    "work_order": frozenset({"status"}),
    "request": frozenset({"status"}),
    "plan": frozenset({"state"}),
}
"""By kind: what a table of transitions moves. What the table allows from a device is no conflict: two people
who both say that work has begun agree, however differently they saw it before."""

OLDEST = timedelta(days=90)
"""What happened longer ago is looked at by a person before it counts."""

SUSPECT = timedelta(minutes=2)
"""A device's clock that is off by more is told so."""

REVIEWED: Mapping[str, str] = {
    "actor_inactive": "who did it does not work here any more",
    "forbidden": "who did it may not do so any more",
    "not_assigned": "who did it is not assigned to it",
    "locked_period": "its books are closed",
    "too_old": f"it happened more than {OLDEST.days} days before it came",
}
"""Refusals that a person looks at when the work was done offline: a day's work is not lost to them."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What one event changed. `was`: the values before it, of fields that commands contend for."""

    paths: frozenset[str]
    version: int
    at: datetime
    by: str | None = None
    outbox: str | None = None
    """Whose outbox it came from: a user and a device; None: from the office."""
    was: Mapping[str, Any] = {}


class Effective(msgspec.Struct, frozen=True):
    """When something happened by the server's reckoning, and whether the device's clock is to be trusted."""

    at: datetime
    is_suspect: bool


def effective_time(occurred_at: datetime, offset: timedelta, received_at: datetime) -> Effective:
    """The device's time put right by its offset (server minus device), never in the future."""
    claimed = occurred_at + offset
    return Effective(
        at=min(claimed, received_at),
        is_suspect=abs(offset) > SUSPECT or claimed > received_at + SUSPECT,
    )


def is_too_old(happened_at: datetime, received_at: datetime) -> bool:
    return received_at - happened_at > OLDEST


def from_others(changes: Iterable[Change], outbox: str | None) -> list[Change]:
    """Those from elsewhere than this outbox."""
    return [change for change in changes if outbox is None or change.outbox != outbox]


def server_wins(
    kind: str, wanted: Iterable[str], changes: Sequence[Change], outbox: str | None
) -> frozenset[str]:
    """Of the fields that a command from this outbox sets, those that stay as set since by others."""
    if outbox is None:
        return frozenset()
    moved = {path for change in from_others(changes, outbox) for path in change.paths}
    return SERVER_WINS.get(kind, frozenset()) & moved & set(wanted)


def contended_paths(kind: str, touched: Iterable[str], outbox: str | None) -> frozenset[str]:
    """Of the paths that a command has really changed, those in which it can meet others."""
    tabled = TABLED.get(kind, frozenset()) if outbox is not None else frozenset[str]()
    return frozenset(touched) - tabled


def contested_paths(
    touched: Iterable[str], changes: Sequence[Change], outbox: str | None
) -> list[tuple[str, Change]]:
    """Each path that somebody else has changed too, with the last such change; in the order of paths."""
    others = from_others(changes, outbox)
    last = {path: change for change in others for path in change.paths}
    return [(path, last[path]) for path in sorted(touched) if path in last]


def value_before(path: str, changes: Sequence[Change]) -> Any:
    """What the author saw at `path`: the value before the first change of it; None where nobody kept it."""
    return next((change.was.get(path) for change in changes if path in change.paths), None)


def changed_paths(before: Entity, after: Entity) -> dict[str, tuple[Any, Any]]:
    """The fields in which these differ, with both values: `title`, and of a list with names in it also
    `checklist/<item>`, the answer to that item."""
    values = zip(
        after.__struct_fields__, msgspec.structs.astuple(before), msgspec.structs.astuple(after), strict=True
    )
    # Most fields are the very same objects: asking for identity first is what makes this cheap.
    changed = {name: (old, new) for name, old, new in values if new is not old and new != old}
    for name, (key, field) in type(after).named.items():
        if name in changed:
            changed |= _items(name, key, field, *changed[name])
    return changed


def _items(
    name: str, key: str, field: str, before: Sequence[Any], after: Sequence[Any]
) -> dict[str, tuple[Any, Any]]:
    old = {getattr(item, key): getattr(item, field) for item in before}
    new = {getattr(item, key): getattr(item, field) for item in after}
    return {
        f"{name}/{id}": (old.get(id), value) for id, value in new.items() if id in old and old[id] != value
    }


def value_at(entity: Entity, path: str) -> Any:
    """What the entity has at a path of `paths_of`; None: nothing."""
    name, _, id = path.partition("/")
    value = getattr(entity, name, None)
    if not id:
        return value
    key, field = type(entity).named[name]
    return next((getattr(item, field) for item in value or () if getattr(item, key) == id), None)
