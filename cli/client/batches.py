"""A batch of actions in a file, as a device keeps what it did without a signal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from cli.client.payload import from_file
from cli.stop import Stop
from domain.time.instants import rfc3339


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: a command of `schema_version`, and the version its author saw."""

    type: str
    schema_version: int
    payload: dict[str, Any]
    target_kind: str
    base_version: int | None


def read(file: Path) -> dict[str, Any] | None:
    """The batch; None if there is no file. Raises: Stop: it holds no batch."""
    if not file.exists():
        return None
    batch = from_file(file)
    if not isinstance(batch.get("actions"), list):
        raise Stop(f"{file} is no batch: it has no actions.")
    return batch


def extended(
    batch: dict[str, Any] | None, action: Action, *, now: datetime, new_id: Callable[[datetime], str]
) -> dict[str, Any]:
    """The batch with the action behind the others, next in the lane of its target.

    Raises: Stop: the payload does not name its target.
    """
    document = batch or {
        "batch_id": new_id(now),
        "device_id": f"cli-{new_id(now)}",
        "app_version": "cli",
        "actions": [],
    }
    target_id = action.payload.get(f"{action.target_kind}_id") or action.payload.get("id")
    if target_id is None:
        raise Stop(f"{action.type}: name its target, {action.target_kind}_id=…")
    lane = f"{action.target_kind}:{target_id}"
    before = [one for one in document["actions"] if one["lane"] == lane]
    new = {
        "id": new_id(now),
        "v": action.schema_version,
        "type": action.type,
        "payload": action.payload,
        "lane": lane,
        "lane_seq": len(before) + 1,
        "occurred_at": rfc3339(now),
    }
    if action.base_version is not None:
        new["base_version"] = action.base_version
    return document | {"sent_at": rfc3339(now), "actions": [*document["actions"], new]}
