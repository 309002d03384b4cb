"""One batch of a device: as it came, as the door judged it, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from adapters.commands.document import TargetQueue, lane_id
from adapters.mongo.client import Document

Status = Literal["accepted", "duplicate", "rejected", "out_of_order", "retry_later"]

DISCARD = "discard"
"""The type of a tombstone: the device has given an action up, and says so in that action's place."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One action as the door has judged it. `document` is the command to store; `fault` why it is refused
    for good, and then the document is final already. Without a document it is left for later: this server
    does not know its like yet, as `fault` says.
    """

    id: str
    lane: str
    lane_seq: int
    document: Document | None
    fault: Document | None = None
    resolves: str | None = None
    """The id, of the action or the command, of the conflict that this one settles."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one action; `command` is what stands for it in the store. One that cannot be read has
    its verdict from the door, and uses up no number."""

    id: Any
    status: Status
    command: Document | None = None
    error: Document | None = None
    expected_lane_seq: int | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One replay as it came. `told` is what the device says of itself."""

    tenant_id: str
    user_id: str
    device_id: str
    batch_id: str
    received_at: datetime
    told: Document
    actions: tuple[Entry | Result, ...]

    @property
    def outbox(self) -> str:
        return f"{self.user_id}/{self.device_id}"

    def lane_id(self, lane: str) -> str:
        return lane_id(self.tenant_id, self.outbox, lane)


class Taken(msgspec.Struct, frozen=True):
    """What became of a batch: a result for each action, in its order, and the lines to hint."""

    results: list[Result]
    lines: list[TargetQueue]


def record_id(tenant_id: str, user_id: str, batch_id: str) -> str:
    return f"{tenant_id}/{user_id}/{batch_id}"
