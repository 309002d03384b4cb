"""What a chunk of rows comes to: the commands to send, and what to remember and report of each row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from pymongo.database import Database

from adapters.mongo.client import Document
from domain.importing.mapping import Mapping
from domain.importing.row import Fault, Row
from domain.importing.steps import (
    UPDATABLE,
    Step,
    asset_step,
    changed,
    history,
    notes_on,
    order_id,
    row_key,
    update,
)

SCOPE = "import"
"""The scope of their keys: one for all users, so that a colleague may import the corrected file."""

AGAIN = ":again:"
REFUSED = ("rejected", "conflict")
"""Endings that a further import tries again; the dead are the operators' to replay or discard."""


class Plan(msgspec.Struct):
    """`steps` by line, in the order in which they must be accepted."""

    steps: list[tuple[int, Step]] = []
    remembered: list[Document] = []
    reports: list[Document] = []
    counts: dict[str, int] = {}


class Planner:
    """Plans for one import. It reads, and writes nothing."""

    def __init__(self, db: Database[Any], found: Document, mapping: Mapping) -> None:
        self._db = db
        self._id: str = found["_id"]
        self._tenant: str = found["tenant_id"]
        self._name: str = found["name"]
        self._at = found["created_at"]
        self._mapping = mapping
        self._assets: dict[str, str] = {}

    def plan(self, rows: Sequence[Row], refused: Sequence[tuple[int, list[Fault]]]) -> Plan:
        """Good rows and refused ones (by line) of one chunk."""
        plan = Plan(counts={"rows": len(rows) + len(refused), "refused": len(refused)})
        for line, faults in refused:
            plan.reports.append(self._report(line, "refused", faults))
        memory = self._memory(rows)
        self._place_assets(rows, plan)
        attempts = self._attempts(f"work_order:{record['order_id']}" for record in memory.values())
        for row in rows:
            record = memory.get(row.key)
            outcome = self._plan_row(row, record, attempts, plan)
            plan.counts[outcome] = plan.counts.get(outcome, 0) + 1
        return plan

    def _plan_row(
        self, row: Row, record: Document | None, attempts: dict[str, list[Document]], plan: Plan
    ) -> str:
        if record is None:
            steps = self._history(row, order_id(self._tenant, self._name, row))
            self._add(plan, row, steps, self._record(row, None, "new"))
            return "new"
        if record["import_id"] == self._id and "outcome" in record:
            # Remembered by a worker that was killed before it moved the cursor: sent, not to be sent again.
            return str(record["outcome"])
        fields = changed(row, record["marks"])
        steps = self._again(row, record, attempts.get(f"work_order:{record['order_id']}", []))
        if fields:
            steps += self._updates(row, record, fields)
            plan.reports.append(self._report(row.line, "changed", notes_on(fields, self._mapping.columns)))
        outcome = "changed" if fields else "again" if steps else "known"
        if outcome != "known":
            self._add(plan, row, steps, self._record(row, record, outcome))
        return outcome

    def _add(self, plan: Plan, row: Row, steps: list[Step], record: Document) -> None:
        plan.steps += [(row.line, step) for step in steps]
        plan.remembered.append(record)

    def _prefix(self, row: Row) -> str:
        return row_key(self._name, row.key)

    def _history(self, row: Row, id: str) -> list[Step]:
        asset_id = self._assets[row.asset] if row.asset else None
        currency = self._mapping.currency
        return history(row, prefix=self._prefix(row), id=id, asset_id=asset_id, currency=currency)

    def _updates(self, row: Row, record: Document, fields: list[Any]) -> list[Step]:
        step = update(
            row,
            fields,
            prefix=self._prefix(row),
            id=record["order_id"],
            asset_id=self._assets[row.asset] if row.asset else None,
            revision=record["revision"] + 1,
            at=self._at,
        )
        return [step] if step else []

    def _again(self, row: Row, record: Document, attempts: list[Document]) -> list[Step]:
        """What was refused before, once more under a further key; after a refused create, everything."""
        latest: dict[str, Document] = {}
        tries: dict[str, int] = {}
        for command in attempts:
            base = _base(command["idempotency"]["key"])
            latest[base] = command
            tries[base] = tries.get(base, 0) + 1
        refused = [base for base, command in latest.items() if command["state"] in REFUSED]
        if f"{self._prefix(row)}:create" in refused:
            number = tries[f"{self._prefix(row)}:create"]
            steps = self._history(row, record["order_id"])
            return [msgspec.structs.replace(step, key=f"{step.key}{AGAIN}{number}") for step in steps]
        return [
            Step(
                key=f"{latest[base]['idempotency']['key'].partition(AGAIN)[0]}{AGAIN}{tries[base]}",
                type=latest[base]["type"],
                payload=latest[base]["payload"],
                at=latest[base]["origin"]["occurred_at"],
            )
            for base in refused
        ]

    def _memory(self, rows: Sequence[Row]) -> dict[str, Document]:
        """What is remembered of these rows, by their key."""
        by_id = {f"{self._tenant}/{self._name}/{row.key}": row for row in rows}
        found = self._db.import_keys.find({"_id": {"$in": list(by_id)}})
        memory = {by_id[record["_id"]].key: record for record in found}
        return memory | self._unremembered([row for row in rows if row.key not in memory])

    def _unremembered(self, rows: Sequence[Row]) -> dict[str, Document]:
        """Rows that another import sent and, killed before it could, did not remember: they are known."""
        keys = {f"{self._prefix(row)}:create": row for row in rows}
        query = {
            "tenant_id": self._tenant,
            "idempotency.scope": SCOPE,
            "idempotency.key": {"$in": list(keys)},
            "import.id": {"$ne": self._id},
        }
        found = self._db.commands.find(query, {"idempotency.key": 1})
        return {
            keys[command["idempotency"]["key"]].key: self._record(
                keys[command["idempotency"]["key"]], None, "known"
            )
            for command in found
        }

    def _attempts(self, targets: Iterable[str]) -> dict[str, list[Document]]:
        """Commands of imports for these targets, oldest first."""
        fields = ("target", "state", "type", "payload", "origin.occurred_at", "idempotency.key")
        query = {
            "tenant_id": self._tenant,
            "target": {"$in": list(targets)},
            "import.id": {"$exists": True},
        }
        found: dict[str, list[Document]] = {}
        for command in self._db.commands.find(query, list(fields)).sort("seq"):
            found.setdefault(command["target"], []).append(command)
        return found

    def _place_assets(self, rows: Sequence[Row], plan: Plan) -> None:
        """Every named asset gets an id: that of the one with this name, else of one to be created."""
        first = {row.asset: row for row in reversed(rows) if row.asset and row.asset not in self._assets}
        query = {"tenant_id": self._tenant, "name": {"$in": list(first)}}
        # In service before retired; among equals the oldest.
        order = [("decommissioned_at", 1), ("_id", 1)]
        for asset in self._db.assets.find(query, ["id", "name"]).sort(order):
            self._assets.setdefault(asset["name"], asset["id"])
        steps = {
            name: (row, asset_step(self._tenant, name, row.created_at))
            for name, row in first.items()
            if name not in self._assets
        }
        attempts = self._attempts(f"asset:{step.payload['id']}" for _, step in steps.values())
        for name, (row, step) in steps.items():
            self._assets[name] = step.payload["id"]
            before = attempts.get(f"asset:{step.payload['id']}", [])
            if not before:
                plan.steps.append((row.line, step))
            elif before[-1]["state"] in REFUSED:
                key = f"{step.key}{AGAIN}{len(before)}"
                plan.steps.append((row.line, msgspec.structs.replace(step, key=key)))

    def _record(self, row: Row, before: Document | None, outcome: str) -> Document:
        """What is to be remembered. Marks of fields that are not carried over stay, and are told again."""
        marks: Document = {str(field): mark for field, mark in row.marks.items()}
        if before:
            kept = {field: mark for field, mark in before["marks"].items() if field not in UPDATABLE}
            marks |= kept
        return {
            "_id": f"{self._tenant}/{self._name}/{row.key}",
            "tenant_id": self._tenant,
            "order_id": before["order_id"] if before else order_id(self._tenant, self._name, row),
            "import_id": self._id,
            "outcome": outcome,
            "marks": marks,
            "revision": before["revision"] + (outcome == "changed") if before else 0,
        }

    def _report(self, line: int, outcome: str, faults: Iterable[Fault]) -> Document:
        return {
            "_id": f"{self._id}:{line}",
            "tenant_id": self._tenant,
            "import_id": self._id,
            "line": line,
            "outcome": outcome,
            "reasons": [msgspec.to_builtins(fault) for fault in faults],
        }


def _base(key: str) -> str:
    """The step a key stands for, whichever attempt; all updates of a row are one: the last one counts."""
    before, is_update, _ = key.partition(AGAIN)[0].rpartition(":update:")
    return before + is_update if is_update else key.partition(AGAIN)[0]
