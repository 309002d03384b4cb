"""What must be so when all is calm: devices and server agree, and the books are what the receipts say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from pymongo.database import Database

from adapters.commands.document import FINAL
from adapters.mongo.client import Document
from adapters.operators.conservation import conservation
from bench.device.outbox import Row
from tasks.catalogue import catalogue
from tests.torture.story import check_part

Devices = Mapping[str, Sequence[Row]]
"""By outbox (`<user>/<device>`): all that it ever did."""


class Truth:
    """One tenant's store, read once."""

    def __init__(self, db: Database[Any], tenant_id: str) -> None:
        self.db = db
        self.tenant_id = tenant_id
        mine = {"tenant_id": tenant_id}
        self.commands = list(db.commands.find(mine).sort("seq", 1))
        """In the order of acceptance; what was parked and released was accepted anew."""
        self.events = list(db.events.find(mine | {"version": {"$ne": None}}).sort("version", 1))

    def check(self, devices: Devices) -> Counter[str]:
        """All of it. Returns how many actions came to which end."""
        states = self.check_verdicts(devices)
        assert all(row.balanced for row in conservation(self.db, self.tenant_id))
        self.check_lanes()
        self.check_orders()
        for part in self.db.parts.find({"tenant_id": self.tenant_id}):
            check_part(self.db, self.tenant_id, part["id"])
        return states

    def check_verdicts(self, devices: Devices) -> Counter[str]:
        """Exactly one on each side, the same."""
        stored: dict[tuple[str, str], list[Document]] = defaultdict(list)
        for command in self.commands:
            if command["origin"]["via"] == "offline":
                stored[command["origin"]["outbox"], command["idempotency"]["key"]].append(command)
        done = {(outbox, row.id): row for outbox, rows in devices.items() for row in rows}
        assert stored.keys() == done.keys()
        for name, (command, *others) in stored.items():
            row = done[name]
            assert not others, f"{len(others) + 1} commands stand for {row.id}"
            assert row.state in FINAL, row
            assert (row.state, row.command_id) == (command["state"], command["_id"])
            assert row.lane_seq == command["origin"]["lane_seq"]
            assert row.outcome.get("error", {}).get("code") == (command.get("error") or {}).get("code")
        return Counter(row.state for row in done.values())

    def check_lanes(self) -> None:
        """Numbers are dense, and guarded commands took effect in order, but for ways out of conflicts."""
        specs = catalogue()
        numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
        guarded: dict[str, tuple[tuple[str, str], int]] = {}
        for command in self.commands:
            origin = command["origin"]
            if origin["via"] == "offline":
                lane = (origin["outbox"], command["target"])
                numbers[lane].append(origin["lane_seq"])
                spec = specs.get(command["type"])
                if spec and spec.is_guarded and "resolves" not in command:
                    guarded[command["_id"]] = (lane, origin["lane_seq"])
        for lane, seqs in numbers.items():
            assert sorted(seqs) == list(range(1, len(seqs) + 1)), lane
        effects: dict[tuple[str, str], list[int]] = defaultdict(list)
        for event in self.events:
            if event["command_id"] in guarded:
                lane, seq = guarded[event["command_id"]]
                effects[lane].append(seq)
        for lane, seqs in effects.items():
            assert seqs == sorted(seqs), f"{lane} took effect as {seqs}"

    def check_orders(self) -> None:
        """Each order is what its applied commands make of it, each once.

        Of one device they take effect as they were accepted. Between devices the store decides: what comes in
        by a transaction has its place in line before others can see it.
        """
        by_id = {command["_id"]: command for command in self.commands if command["state"] == "applied"}
        place = {id: number for number, id in enumerate(by_id)}
        effects: dict[str, list[Document]] = defaultdict(list)
        lines: dict[str, list[Document]] = defaultdict(list)
        for event in self.events:
            line = effects[event["target"]]
            if not line or line[-1]["_id"] != event["command_id"]:
                line.append(by_id[event["command_id"]])
        for command in by_id.values():
            lines[command["target"]].append(command)
        for order in self.db.work_orders.find({"tenant_id": self.tenant_id}):
            target = f"work_order:{order['id']}"
            ids = [command["_id"] for command in effects[target]]
            assert len(ids) == len(set(ids)), "each effect once"
            lanes: dict[str, list[int]] = defaultdict(list)
            for command in effects[target]:
                lanes[command["origin"].get("outbox", "")].append(place[command["_id"]])
            assert all(seqs == sorted(seqs) for outbox, seqs in lanes.items() if outbox)
            _check_books(self.db, order, effects[target], lines[target])


def _check_books(
    db: Database[Any], order: Document, effects: Sequence[Document], applied: Sequence[Document]
) -> None:
    rows = list(db.entries.find({"tenant_id": order["tenant_id"], "target": f"work_order:{order['id']}"}))
    minutes = _said(applied, "work_order.labor.log", "minutes")
    assert sorted(row["minutes"] for row in rows if row["kind"] == "labor") == sorted(minutes)
    assert order["labor_minutes"] == sum(minutes)
    texts = _said(applied, "work_order.comment.add", "text")
    assert sorted(row["text"] for row in rows if row["kind"] == "comment") == sorted(texts)
    assert order["comment_count"] == len(texts)
    used = [Decimal(number) for number in _said(applied, "work_order.parts.consume", "quantity")]
    assert sorted(row["quantity"] for row in rows if row["kind"] == "part") == sorted(used)
    titles = _said(effects, "work_order.create", "title") + _said(effects, "work_order.update", "title")
    assert order["title"] == titles[-1]
    answers = {
        command["payload"]["item_id"]: command["payload"]["value"]
        for command in effects
        if command["type"] == "work_order.checklist.answer"
    }
    assert {
        item["item_id"]: item["value"] for item in order["checklist"] if item["value"] is not None
    } == answers


def _said(applied: Iterable[Document], type: str, member: str) -> list[Any]:
    return [
        command["payload"][member]
        for command in applied
        if command["type"] == type and member in command["payload"]
    ]
