"""What each answer of the server means for the outbox. Heard twice, it means the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bench.device.outbox import DISCARD, PENDING, UNSENDABLE, Outbox, Row

Json = dict[str, Any]
Tombstone = Callable[[], tuple[str, Json]]
"""A fresh id and what a tombstone says, to fill a number that has nothing else."""

_KEPT = ("state", "error", "allowed", "server_doc", "warnings", "resolution")


class Verdicts:
    def __init__(self, outbox: Outbox, tombstone: Tombstone) -> None:
        self._outbox = outbox
        self._tombstone = tombstone

    def heard(self, row: Row, result: Json) -> bool:
        """One action's result. False: the server cannot take its lane yet, and has kept nothing."""
        command_id = result.get("command_id")
        match result["status"]:
            case "accepted":
                self._outbox.heard(row.id, "accepted", command_id, {})
            case "duplicate":
                outcome = result["outcome"]
                self._outbox.heard(row.id, outcome["state"], command_id, outcome)
            case "rejected":
                self._rejected(row, command_id, result)
            case "out_of_order":
                self._out_of_order(row, result["expected_lane_seq"])
            case _:  # retry_later, and whatever a newer server may say
                return False
        return True

    def seen(self, row: Row, receipt: Json | None) -> None:
        """Its receipt, asked for by its command's id."""
        if receipt is None:
            # A server restored from a copy may not know it any more: it is sent again.
            self._outbox.heard(row.id, PENDING, None, {})
        elif receipt["state"] != row.state:
            outcome = {name: receipt[name] for name in _KEPT if name in receipt}
            self._outbox.heard(row.id, receipt["state"], row.command_id, outcome)

    def _rejected(self, row: Row, command_id: str | None, result: Json) -> None:
        error = {name: result[name] for name in ("code", "message", "errors") if name in result}
        if command_id is not None:
            self._outbox.heard(row.id, "rejected", command_id, {"error": error})
        elif row.said["type"] == DISCARD:
            self._outbox.heard(row.id, UNSENDABLE, None, {"error": error})
        else:
            self._outbox.replace(row, {"error": error}, *self._tombstone())

    def _out_of_order(self, row: Row, expected: int) -> None:
        seq = self._outbox.find(row.id).lane_seq
        if seq is None or seq != row.lane_seq:
            return  # the answer for one before it has moved it already
        if expected < seq:
            self._outbox.send_again(row.lane, expected, self._tombstones())
        elif expected > seq:
            self._outbox.move_behind(row.lane, seq, expected)

    def _tombstones(self) -> Iterator[tuple[str, Json]]:
        while True:
            yield self._tombstone()
