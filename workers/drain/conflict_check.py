"""Where a command meets what others have done since its author looked: what gives way, what is a conflict.

The rules are those of `domain/conflicts.py`; here they meet stored events and payloads.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from adapters.commands.secrets import masked
from adapters.commands.unit_of_work import EVENTS_READ
from adapters.mongo.client import Document
from domain.conflicts import Change, contended_paths, contested_paths, server_wins, value_at, value_before
from domain.errors import Conflict, Rejected
from domain.fields import instant
from tasks.command import Spec
from workers.drain.overlay import Overlay
from workers.drain.snapshot import Snapshot

DIFF = 50
"""Rows of a conflict's diff: a person reads no more."""

FIRST = 1
"""What a device's command without a base is taken to have seen: it knows of the entity, and no more."""


class Base:
    """What has changed since the author of a command looked; nothing, of one that says no base."""

    def __init__(self, command: Document, snapshot: Snapshot) -> None:
        self.command = command
        self.outbox: str | None = command["origin"].get("outbox")
        self.version: int | None = command.get("base_version", FIRST if self.outbox else None)
        self._snapshot = snapshot
        self._changes: list[Change] | None = None

    @property
    def changes(self) -> list[Change]:
        """Oldest first. Read when first asked for."""
        if self._changes is None:
            self._changes = [] if self.version is None else self._read(self.version)
        return self._changes

    @property
    def is_too_old(self) -> bool:
        return len(self.changes) >= EVENTS_READ

    def _read(self, version: int) -> list[Change]:
        line = (self.command["tenant_id"], self.command["target"])
        return [
            Change(
                paths=frozenset(event["paths"]),
                version=event["version"],
                at=event["at"],
                by=event["actor"].get("user_id"),
                outbox=event["actor"].get("outbox"),
                was=event.get("was", {}),
            )
            for event in self._snapshot.changed_since(line, version)
        ]


def give_way(base: Base, spec: Spec, overlay: Overlay) -> Document | None:
    """The payload without what the office has decided since; None when nothing is left of it.

    What gave way is told as a warning.
    """
    payload: Document = base.command["payload"]
    wanted = spec.touched(payload) & payload.keys()
    if base.outbox is None or not wanted:
        return payload
    if not (given := server_wins(spec.kind, wanted, base.changes, base.outbox)):
        return payload
    before = overlay.before()
    for field in sorted(given):
        if before is not None and not _is_same(payload[field], value_at(before, field)):
            said = {"field": field, "mine": payload[field], "server": value_at(before, field)}
            overlay.warn("server_value_kept", f"{field} was set by the office meanwhile and stays", **said)
    if wanted == given:
        return None
    return {name: value for name, value in payload.items() if name not in given}


def _is_same(mine: Any, server: Any) -> bool:
    stored = msgspec.to_builtins(server)
    if isinstance(mine, str) and isinstance(stored, str) and stored[4:5] == "-":
        return instant(mine) == instant(stored)
    return bool(mine == stored)


def conflict(
    base: Base, spec: Spec, overlay: Overlay, changed: Iterable[str], refusal: Rejected | None = None
) -> Conflict | None:
    """The conflict, if somebody else has changed one of these paths since the version the author saw.

    `refusal`: why the command could not be run on what is there now.
    """
    touched = spec.touched(base.command["payload"]).intersection(changed)
    if refusal is None:
        touched = contended_paths(spec.kind, touched, base.outbox)
    if base.version is None or not touched:
        return None
    rows = contested_paths(touched, base.changes, base.outbox)
    if rows:
        why = f": {refusal.message}" if refusal else ""
        diff = [_row(base, overlay, refusal, path, last) for path, last in rows[:DIFF]]
        return Conflict("base_moved", f"changed since version {base.version}{why}", diff=diff)
    if base.is_too_old:
        return Conflict("base_too_old", f"version {base.version} is more than {EVENTS_READ} events ago")
    return None


def _row(base: Base, overlay: Overlay, refusal: Rejected | None, path: str, last: Change) -> Document:
    before = overlay.before()
    return {
        "path": f"/{path}",
        "base": value_before(path, base.changes),
        "mine": _told(_mine(masked(base.command)["payload"], overlay, refusal, path)),
        "server": _told(value_at(before, path)) if before else None,
        "by": last.by,
        "at": last.at,
        "version": last.version,
    }


def _mine(payload: Document, overlay: Overlay, refusal: Rejected | None, path: str) -> Any:
    """What the author wants at this path."""
    if path in payload:
        return payload[path]
    if path == "status" and refusal is not None:
        return refusal.params.get("aim")
    if overlay.saved is not None:
        return value_at(overlay.saved, path)
    _, is_item, _ = path.partition("/")
    return payload.get("value") if is_item else None


def _told(value: Any) -> Any:
    return msgspec.to_builtins(value, enc_hook=str, builtin_types=(datetime,))
