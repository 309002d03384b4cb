"""The device's side of docs/offline.md: what to send, when, and what its user sees of it.

It opens no connection and never waits: its owner calls `step` at the time the last call returned.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from adapters.process.clock import Clock
from bench.device import envelope
from bench.device.outbox import DISCARD, PENDING, UNSENDABLE, Outbox, Row
from bench.device.pace import Pace
from bench.device.verdicts import Verdicts
from bench.device.wire import Answer, NoAnswer, Request, Send

Json = dict[str, Any]

MOST_IDS = 200
FAILURES = 8
"""Failures of the server at the same batch, before it is sent in halves to find what it fails at."""

STOPS = (401, 403, 426)
"""Sign in again, another user's device, too old an app: the queue is kept."""

BUSY = (429, 503)

Shown = Literal["Pending", "Syncing", "Retrying", "Failed", "Done"]
Choice = Literal["take_server", "send_to_planner"]


class Client:
    """One device of one user, with one batch in flight at a time."""

    def __init__(
        self,
        outbox: Outbox,
        send: Send,
        *,
        device_id: str,
        clock: Clock,
        chance: random.Random,
        new_id: Callable[[], str],
        poll_every: timedelta = timedelta(seconds=60),
    ) -> None:
        self.outbox = outbox
        self.paused: int | None = None
        """The status that has stopped it, until `resume`."""
        self._send = send
        self._device_id = device_id
        self._clock = clock
        self._pace = Pace(clock.monotonic, chance)
        self._new_id = new_id
        self._poll_every_s = poll_every.total_seconds()
        self._verdicts = Verdicts(outbox, lambda: (new_id(), self._action_fields(DISCARD, {})))
        self._offset_ms: int | None = None
        self._most = envelope.MOST_ACTIONS
        self._failures = self._polled = 0
        self._poll_at_s = clock.monotonic()
        self._in_flight: frozenset[str] = frozenset()

    # -- what the user does -------------------------------------------------------------------------------

    def do(self, type: str, lane: str, payload: Json, **more: Any) -> str:
        """Stores an action durably in the outbox; returns its id, which was made before the write.

        `more`: base_version (what the user saw of the server), needs, resolves.
        """
        id = self._new_id()
        self.outbox.put(id, lane, self._action_fields(type, payload) | more)
        return id

    def discard(self, id: str) -> None:
        """Discards an action. If the server has it already, its outcome stands and is shown."""
        row = self.outbox.find(id)
        if row.state in (PENDING, UNSENDABLE) and row.lane_seq is not None:
            self.outbox.give_up(id, self._action_fields(DISCARD, {}))

    def decide(self, id: str, choice: Choice) -> str:
        """Resolves a conflict of this device without a new change; returns the action's id."""
        return self.do(f"conflict.{choice}", self.outbox.find(id).lane, {}, resolves=id)

    def reapply(self, id: str, *, base_version: int, payload: Json | None = None) -> str:
        """Resolves a conflict by the same action on `base_version`, which the user has seen; returns its
        id."""
        row = self.outbox.find(id)
        new_payload = row.fields["payload"] if payload is None else payload
        return self.do(row.fields["type"], row.lane, new_payload, base_version=base_version, resolves=id)

    def shown(self, id: str) -> tuple[Shown, str]:
        """The state as its user sees it, and the reason of what has failed."""
        row = self.outbox.find(id)
        is_given_up = row.fields["type"] == DISCARD
        match row.state:
            case "pending" if id not in self._in_flight:
                return "Retrying" if self._pace.tries or self._pace.was_held(row.lane) else "Pending", ""
            case "pending" | "accepted":
                return "Syncing", ""
            case "retrying":
                return "Retrying", ""
            case "applied":
                return "Done", ""
            case "cancelled" if is_given_up:
                return "Done", ""
        code = row.outcome.get("error", {}).get("code")
        return "Failed", f"{row.state}: {code}" if code else row.state

    # -- the exchange -------------------------------------------------------------------------------------

    def resume(self) -> None:
        """Sends at once: the user signed in again, the app was updated, or the network is back."""
        self.paused = None
        self._pace.reset()
        self._poll_at_s = self._clock.monotonic()

    def step(self) -> float | None:
        """One exchange, if one is due. Seconds until the next; None: nothing is left, or it is paused."""
        if self.paused is None and not self._pace.wait_s():
            if rows := self.outbox.waiting(self._most, held=self._pace.held()):
                self._push(rows)
            elif self._clock.monotonic() >= self._poll_at_s:
                self._poll()
        return None if self.paused is not None else self._next_in()

    def _next_in(self) -> float | None:
        held = self._pace.held()
        if self.outbox.waiting(1, held=held):
            return self._pace.wait_s()
        times = list(held.values())
        if self.outbox.unsettled(1):
            times.append(self._poll_at_s - self._clock.monotonic())
        return max(min(times), self._pace.wait_s()) if times else None

    def _push(self, rows: Sequence[Row]) -> None:
        actions = [
            envelope.action(row.id, row.lane, row.lane_seq or 0, row.fields, self._offset_ms) for row in rows
        ]
        count = envelope.fitting(actions)
        batch = rows[:count]
        body = envelope.envelope(self._new_id(), self._device_id, self._clock.now(), actions[:count])
        self._in_flight = frozenset(row.id for row in batch)
        answer = self._exchange(Request("POST", "/api/offline/replays", body))
        self._in_flight = frozenset()
        if isinstance(answer, Answer):
            self._refused(batch, answer)
        elif answer is not None:
            self._most = min(2 * self._most, envelope.MOST_ACTIONS)
            self._offset_ms = self._ahead_ms(answer["server_time"])
            results = [
                (row.lane, self._verdicts.record_result(row, result))
                for row, result in zip(batch, answer["results"], strict=True)
            ]
            # What follows one that was not taken is out of turn: its lane waits all the same.
            refused = {lane for lane, is_taken in results if not is_taken}
            for lane in dict(results):
                (self._pace.hold if lane in refused else self._pace.free)(lane)
            self._poll_at_s = min(self._poll_at_s, self._clock.monotonic() + self._poll_every_s)

    def _exchange(self, request: Request) -> Json | Answer | None:
        """The JSON of a success, or the failed answer; None if the failure does not concern the batch."""
        try:
            answer = self._send(request)
            if answer.status in (200, 202):
                content = answer.json()
                self._pace.tries = self._failures = 0
                return content
        except NoAnswer:
            self._pace.failed()
            return None
        if answer.status in STOPS:
            self.paused = answer.status
        elif answer.status in BUSY:
            self._pace.failed(answer.retry_after_s or 0.0)
        else:
            return answer
        return None

    def _refused(self, batch: Sequence[Row], answer: Answer) -> None:
        """Too large, or the server fails at it: down to the one that is to blame, whose lane then waits."""
        if answer.status != 413:
            self._pace.failed()
            self._failures += 1
            if self._failures < FAILURES:
                return
        self._failures = 0
        self._most = max(1, len(batch) // 2)
        if len(batch) == 1:
            error = {"code": f"http_{answer.status}"}
            self.outbox.record(batch[0].id, UNSENDABLE, None, {"error": error})

    def _poll(self) -> None:
        """Asks what became of what has no end yet, a page each time."""
        rows = self.outbox.unsettled(MOST_IDS, behind=self._polled)
        self._polled = rows[-1].place if len(rows) == MOST_IDS else 0
        self._poll_at_s = self._clock.monotonic() + (0 if self._polled else self._poll_every_s)
        ids = ",".join(row.command_id for row in rows if row.command_id)
        answer = self._exchange(Request("GET", f"/api/commands?limit={MOST_IDS}&ids={ids}")) if rows else None
        if isinstance(answer, Answer):
            self._pace.failed()
        elif answer is not None:
            receipts = {item["command_id"]: item for item in answer["items"]}
            for row in rows:
                self._verdicts.record_receipt(row, receipts.get(row.command_id or ""))

    def _ahead_ms(self, server_time: str) -> int:
        ahead = datetime.fromisoformat(server_time) - self._clock.now()
        return round(ahead / timedelta(milliseconds=1))

    def _action_fields(self, type: str, payload: Json) -> Json:
        return {"v": 1, "type": type, "payload": payload, "occurred_at": self._clock.now()}
