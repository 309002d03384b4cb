"""Applies the server's results to the outbox; applying one twice changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bench.device.outbox import DISCARD, PENDING, UNSENDABLE, Outbox, Row

Json = dict[str, Any]
Tombstone = Callable[[], tuple[str, Json]]
"""A new id and the fields of a tombstone, which fills an empty number in a lane."""

_KEPT = ("state", "error", "allowed", "server_doc", "warnings", "resolution")


class Verdicts:
    def __init__(self, outbox: Outbox, tombstone: Tombstone) -> None:
        self._outbox = outbox
        self._tombstone = tombstone

    def record_result(self, row: Row, result: Json) -> bool:
        """Records one action's result. False: the server cannot accept its lane yet, and has stored
        nothing."""
        command_id = result.get("command_id")
        match result["status"]:
            case "accepted":
                self._outbox.record(row.id, "accepted", command_id, {})
            case "duplicate":
                outcome = result["outcome"]
                self._outbox.record(row.id, outcome["state"], command_id, outcome)
            case "rejected":
                self._rejected(row, command_id, result)
            case "out_of_order":
                self._out_of_order(row, result["expected_lane_seq"])
            case _:  # retry_later, and whatever a newer server may say
                return False
        return True

    def record_receipt(self, row: Row, receipt: Json | None) -> None:
        """Records a receipt, or None if the server does not know the command."""
        if receipt is None:
            # A server restored from a copy may not know it any more: it is sent again.
            self._outbox.record(row.id, PENDING, None, {})
        elif receipt["state"] != row.state:
            outcome = {name: receipt[name] for name in _KEPT if name in receipt}
            self._outbox.record(row.id, receipt["state"], row.command_id, outcome)

    def _rejected(self, row: Row, command_id: str | None, result: Json) -> None:
        error = {name: result[name] for name in ("code", "message", "errors") if name in result}
        if command_id is not None:
            self._outbox.record(row.id, "rejected", command_id, {"error": error})
        elif row.fields["type"] == DISCARD:
            self._outbox.record(row.id, UNSENDABLE, None, {"error": error})
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
