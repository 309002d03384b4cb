"""The wire form of a batch: at most so many actions and bytes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

Json = dict[str, Any]

MOST_ACTIONS = 50
MOST_BYTES = 256 * 1024
AROUND = 1024
"""An upper bound on the bytes of the envelope itself."""

APP_VERSION = "reference-1"


def action(id: str, lane: str, lane_seq: int, fields: Json, offset_ms: int | None = None) -> bytes:
    """One encoded action. `fields`: v, type, payload, occurred_at, and optional members."""
    place: Json = {"id": id, "lane": lane, "lane_seq": lane_seq}
    offset = {} if offset_ms is None else {"clock_offset_ms": offset_ms}
    return msgspec.json.encode(place | fields | offset)


def fitting(actions: Sequence[bytes]) -> int:
    """How many of them, from the first, one batch holds; at least one."""
    size = AROUND
    for count, raw in enumerate(actions[:MOST_ACTIONS]):
        size += len(raw) + 1
        if size > MOST_BYTES:
            return max(1, count)
    return min(len(actions), MOST_ACTIONS)


def envelope(batch_id: str, device_id: str, sent_at: datetime, actions: Sequence[bytes]) -> bytes:
    return msgspec.json.encode(
        {
            "batch_id": batch_id,
            "device_id": device_id,
            "app_version": APP_VERSION,
            "sent_at": sent_at,
            "actions": [msgspec.Raw(raw) for raw in actions],
        }
    )
