"""Compares a command with what others have changed since its author's base: what gives way, what conflicts.

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
from workers.drain.case import Case
from workers.drain.overlay import Overlay

DIFF = 50
"""Rows of a conflict's diff: a person reads no more."""


def changes_since_base(case: Case) -> list[Change]:
    """What others have changed since the author's base, oldest first; read once, when first needed."""
    if case.changes is None:
        events = [] if case.base_version is None else case.changed_since(case.base_version)
        case.changes = [
            Change(
                paths=frozenset(event["paths"]),
                version=event["version"],
                at=event["at"],
                by=event["actor"].get("user_id"),
                outbox=event["actor"].get("outbox"),
                was=event.get("was", {}),
            )
            for event in events
        ]
    return case.changes


def give_way(case: Case, overlay: Overlay) -> Document | None:
    """The payload without what the office has decided since; None when nothing is left of it.

    Each field that gave way is a warning on the receipt.
    """
    payload: Document = case.command["payload"]
    touched = case.spec.touched(payload) & payload.keys()
    if case.outbox is None or not touched:
        return payload
    if not (yielded := server_wins(case.spec.kind, touched, changes_since_base(case), case.outbox)):
        return payload
    before = overlay.before()
    for field in sorted(yielded):
        if before is not None and not _is_same(payload[field], value_at(before, field)):
            params = {"field": field, "mine": payload[field], "server": value_at(before, field)}
            overlay.warn("server_value_kept", f"{field} was set by the office meanwhile and stays", **params)
    if touched == yielded:
        return None
    return {name: value for name, value in payload.items() if name not in yielded}


def _is_same(mine: Any, server: Any) -> bool:
    stored = msgspec.to_builtins(server)
    if isinstance(mine, str) and isinstance(stored, str) and stored[4:5] == "-":
        return instant(mine) == instant(stored)
    return bool(mine == stored)


def conflict(
    case: Case, overlay: Overlay, changed: Iterable[str], refusal: Rejected | None = None
) -> Conflict | None:
    """The conflict, if somebody else has changed one of these paths since the version the author saw.

    `refusal`: why the command could not be run on what is there now.
    """
    touched = case.spec.touched(case.command["payload"]).intersection(changed)
    if refusal is None:
        touched = contended_paths(case.spec.kind, touched, case.outbox)
    if case.base_version is None or not touched:
        return None
    changes = changes_since_base(case)
    rows = contested_paths(touched, changes, case.outbox)
    if rows:
        why = f": {refusal.message}" if refusal else ""
        diff = [_row(case, overlay, refusal, path, last) for path, last in rows[:DIFF]]
        return Conflict("base_moved", f"changed since version {case.base_version}{why}", diff=diff)
    if len(changes) >= EVENTS_READ:
        return Conflict("base_too_old", f"version {case.base_version} is more than {EVENTS_READ} events ago")
    return None


def _row(case: Case, overlay: Overlay, refusal: Rejected | None, path: str, last: Change) -> Document:
    before = overlay.before()
    return {
        "path": f"/{path}",
        "base": value_before(path, changes_since_base(case)),
        "mine": _shown(_mine(masked(case.command)["payload"], overlay, refusal, path)),
        "server": _shown(value_at(before, path)) if before else None,
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


def _shown(value: Any) -> Any:
    return msgspec.to_builtins(value, enc_hook=str, builtin_types=(datetime,))
