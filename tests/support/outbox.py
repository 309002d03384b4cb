"""Commands as a device's outbox sends them, put into their lines without HTTP before them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from adapters.mongo.client import Document
from adapters.process.clock import SystemClock
from tests.support.seeds import USER, Seeds


class Device:
    """One user's device: every entity is a lane of its own, numbered from 1."""

    def __init__(self, seed: Seeds, *, user_id: str = USER, device_id: str = "d1") -> None:
        self._seed = seed
        self._user = user_id
        self._device = device_id
        self._next: dict[str, int] = {}

    def sends(
        self,
        type: str,
        /,
        *,
        base: int | None = None,
        resolves: Document | None = None,
        occurred_at: datetime | None = None,
        **payload: Any,
    ) -> Document:
        """One action, durable."""
        document = self._seed.document(type, payload, user_id=self._user, base_version=base)
        lane = document["target"]
        self._next[lane] = self._next.get(lane, 0) + 1
        at = occurred_at or SystemClock().now()
        document["origin"] = {
            "via": "offline",
            "user_id": self._user,
            "device_id": self._device,
            "outbox": f"{self._user}/{self._device}",
            "lane_seq": self._next[lane],
            "occurred_at": at,
            "effective_at": at,
        }
        if resolves is not None:
            document["resolves"] = resolves["_id"]
        return self._seed.accept_all([document])[0]
