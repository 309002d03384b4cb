"""How a command is resolved whose author saw an older version of its target: one table for all commands.

| the command | if somebody else has changed the target since |
|---|---|
| appends (labour, parts, costs, comments, photos, readings) | is applied |
| sets a field to its present value, or one nobody else has changed | is applied, field by field |
| sets a field of `SERVER_WINS`, from a device | the office's value stays, with a warning |
| reports when work really started or ended, or signs, from a device | the device's account counts |
| changes the status, from a device | the transitions decide; a refused one is a conflict |
| sets a field that somebody else has set to another value | is a conflict, and a person decides |

A command from a device never conflicts with earlier commands from the same device. Sources: the field rules
of ServiceNow's offline client; PowerSync and Linear on why a refused action must not block those after it.
This module is pure.
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
"""By kind: fields that the office decides. A change from a device that saw an older value is not applied."""

TABLED: Mapping[str, frozenset[str]] = {
    "work_order": frozenset({"status"}),
    "request": frozenset({"status"}),
    "plan": frozenset({"state"}),
}
"""By kind: fields that a table of transitions governs. A transition that the table allows is no conflict when
it comes from a device: two people who both report that work has started agree, whatever they saw before."""

OLDEST = timedelta(days=90)
"""Offline work that happened longer ago than this is reviewed by a person before it counts."""

SUSPECT = timedelta(minutes=2)
"""A device is warned if its clock is off by more than this."""

REVIEWED: Mapping[str, str] = {
    "actor_inactive": "its author no longer works here",
    "forbidden": "its author no longer has the permission",
    "not_assigned": "its author is not assigned to the order",
    "locked_period": "its books are closed",
    "too_old": f"it happened more than {OLDEST.days} days before it arrived",
}
"""Refusals that a person reviews if the work was done offline, so that a day's work is not lost."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """The paths that one event changed. `was`: their values before it, for fields that commands contend
    for."""

    paths: frozenset[str]
    version: int
    at: datetime
    by: str | None = None
    outbox: str | None = None
    """The device outbox it came from (a user and a device); None: the office."""
    was: Mapping[str, Any] = {}


class Effective(msgspec.Struct, frozen=True):
    """When something happened, in server time, and whether the device's clock is suspect."""

    at: datetime
    is_suspect: bool


def effective_time(occurred_at: datetime, offset: timedelta, received_at: datetime) -> Effective:
    """The device's time corrected by its clock offset (server minus device), never in the future."""
    claimed = occurred_at + offset
    return Effective(
        at=min(claimed, received_at),
        is_suspect=abs(offset) > SUSPECT or claimed > received_at + SUSPECT,
    )


def is_too_old(happened_at: datetime, received_at: datetime) -> bool:
    """Whether it happened more than OLDEST before the server received it."""
    return received_at - happened_at > OLDEST


def from_others(changes: Iterable[Change], outbox: str | None) -> list[Change]:
    """The changes that did not come from this outbox."""
    return [change for change in changes if outbox is None or change.outbox != outbox]


def server_wins(
    kind: str, fields: Iterable[str], changes: Sequence[Change], outbox: str | None
) -> frozenset[str]:
    """The fields, of those a command from this outbox sets, that keep the value others have set since."""
    if outbox is None:
        return frozenset()
    changed = {path for change in from_others(changes, outbox) for path in change.paths}
    return SERVER_WINS.get(kind, frozenset()) & changed & set(fields)


def contended_paths(kind: str, touched: Iterable[str], outbox: str | None) -> frozenset[str]:
    """The paths, of those a command has really changed, in which it can conflict with other commands."""
    tabled = TABLED.get(kind, frozenset()) if outbox is not None else frozenset[str]()
    return frozenset(touched) - tabled


def contested_paths(
    touched: Iterable[str], changes: Sequence[Change], outbox: str | None
) -> list[tuple[str, Change]]:
    """Each path that somebody else has changed too, with their latest change; sorted by path."""
    others = from_others(changes, outbox)
    last = {path: change for change in others for path in change.paths}
    return [(path, last[path]) for path in sorted(touched) if path in last]


def value_before(path: str, changes: Sequence[Change]) -> Any:
    """The value the author saw at `path`: that before its first change; None if it was not kept."""
    return next((change.was.get(path) for change in changes if path in change.paths), None)


def changed_paths(before: Entity, after: Entity) -> dict[str, tuple[Any, Any]]:
    """The paths in which two versions differ, each with both values: `title`, and for lists with named items
    also `checklist/<item>`, the answer to that item."""
    values = zip(
        after.__struct_fields__, msgspec.structs.astuple(before), msgspec.structs.astuple(after), strict=True
    )
    # Most fields are the very same objects: comparing identity first makes this cheap.
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
    """The entity's value at a path of `changed_paths`; None if there is none."""
    name, _, id = path.partition("/")
    value = getattr(entity, name, None)
    if not id:
        return value
    key, field = type(entity).named[name]
    return next((getattr(item, field) for item in value or () if getattr(item, key) == id), None)
