"""Any interleaving of commands gives the state of a serial order: that of acceptance, for each target.

The real store and fold against an oracle that runs one command after another on plain dictionaries.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from adapters.mongo.client import Document
from tests.support import seeds, trial
from tests.support.drains import Drains
from tests.support.patience import InThread
from tests.support.seeds import Seeds
from workers.drain.fate import BUG_ATTEMPTS, BUG_DELAYS

TARGETS = 4
Step = tuple[str, int, int]
"""What is asked, of which target, and with which other target or letter."""

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["append", "append", "append", "picky", "refusal", "bug", "conflict", "send", "behind", "based"]
        ),
        st.integers(0, TARGETS - 1),
        st.integers(0, 25),
    ),
    min_size=1,
    max_size=30,
)
BOUNDED = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class Oracle:
    """One command after another, in the order of acceptance, no store and no batches."""

    def __init__(self) -> None:
        self.names = [""] * TARGETS
        self.stock = [0] * TARGETS
        self.versions = [1] * TARGETS

    def _grow(self, target: int, text: str) -> str:
        self.names[target] += text
        self.versions[target] += 1
        return "applied"

    def run(self, step: Step) -> str:
        what, target, other = step
        letter = chr(97 + other)
        match what:
            case "append":
                return self._grow(target, letter)
            case "picky":
                return "rejected" if self.names[target].endswith(letter) else self._grow(target, letter)
            case "based":  # its author saw the target at version 1
                return (
                    "conflict"
                    if self.versions[target] > 1 and self.names[target]
                    else self._grow(target, letter)
                )
            case "behind":
                return self._grow(target, "b")
            case "send":
                self.stock[target] -= other + 1
                self.stock[other % TARGETS] += other + 1
                return "applied"
            case "refusal":
                return "rejected"
            case "bug":
                return "dead"
        return what


def command_of(seed: Seeds, parts: Sequence[str], step: Step) -> Document:
    what, target, other = step
    part_id, letter = parts[target], chr(97 + other)
    match what:
        case "append":
            return seed.document("part.append", {"part_id": part_id, "text": letter})
        case "picky":
            return seed.document("part.append", {"part_id": part_id, "text": letter, "unless": letter})
        case "based":
            return seed.document("part.append", {"part_id": part_id, "text": letter}, base_version=1)
        case "behind":
            return seed.document(
                "part.append_behind", {"part_id": part_id, "other_id": parts[other % TARGETS]}
            )
        case "send":
            payload = {"part_id": part_id, "to_id": parts[other % TARGETS], "quantity": other + 1}
            return seed.document("part.send", payload)
    return seed.document("part.fail", {"part_id": part_id, "how": what})


class Outcome:
    """What the store holds, in words that do not depend on ids."""

    def __init__(self, seed: Seeds, parts: Sequence[str], commands: Sequence[Document]) -> None:
        entities = [seed.entity(part_id) for part_id in parts]
        self.states = [seed.state(command) for command in commands]
        self.names = [entity["name"] for entity in entities]
        self.stock = [int(entity["stock"]) for entity in entities]
        self.told = [
            "".join(event["data"]["text"] for event in self._appended(seed, part_id)) for part_id in parts
        ]

    @staticmethod
    def _appended(seed: Seeds, part_id: str) -> list[Document]:
        query = {"tenant_id": seed.tenant_id, "target": f"part:{part_id}", "type": "part.appended"}
        return list(seed.db.events.find(query).sort("version", 1))


def fresh_tenant(shared: Database[Any]) -> tuple[Seeds, list[str]]:
    tenant_id = f"t{uuid4().hex[:10]}"
    shared.users.insert_one(seeds.user(tenant_id))
    seed = Seeds(shared, trial.trial_catalogue(), tenant_id)
    return seed, seed.parts(TARGETS)


def drain_until_final(drains: Drains, seed: Seeds, cuts: Sequence[Sequence[str]]) -> None:
    """Each cut is a batch's lines, drained by a thread of its own, again and again until all is final."""
    for _ in range(BUG_ATTEMPTS * 40):
        for thread in [
            InThread(lambda n=n, cut=cut: drains.executor(chance=n).drain([seed.line(id) for id in cut]))  # type: ignore[misc]
            for n, cut in enumerate(cuts)
            if cut
        ]:
            thread.result()
        if not seed.db.commands.find_one({"tenant_id": seed.tenant_id, "active": True}):
            return
        if seed.db.commands.find_one({"tenant_id": seed.tenant_id, "state": "retrying"}):
            drains.clock.push(timedelta(seconds=1) + max(BUG_DELAYS))
    raise AssertionError("some commands never end")


@BOUNDED
@given(STEPS, st.lists(st.integers(0, 2), min_size=TARGETS, max_size=TARGETS))
def test_any_interleaving_gives_the_state_of_the_order_of_acceptance(
    drains: Drains, shared: Database[Any], steps: list[Step], batch_of: list[int]
) -> None:
    seed, parts = fresh_tenant(shared)
    commands = seed.accept_all([command_of(seed, parts, step) for step in steps])
    oracle = Oracle()
    expected = [oracle.run(step) for step in steps]

    cuts = [[id for id, batch in zip(parts, batch_of, strict=True) if batch == n] for n in range(3)]
    drain_until_final(drains, seed, [*cuts, parts])  # the last one contends with all the others

    outcome = Outcome(seed, parts, commands)
    assert outcome.states == expected
    assert outcome.names == outcome.told == oracle.names
    assert outcome.stock == oracle.stock
    assert sum(outcome.stock) == 0


@BOUNDED
@given(STEPS)
def test_how_lines_are_cut_into_batches_changes_nothing(
    drains: Drains, shared: Database[Any], steps: list[Step]
) -> None:
    outcomes = []
    for whole in (True, False):
        seed, parts = fresh_tenant(shared)
        commands = seed.accept_all([command_of(seed, parts, step) for step in steps])
        for _ in range(BUG_ATTEMPTS * 8):
            for cut in [parts] if whole else [[part_id] for part_id in parts]:
                drains.drain(*map(seed.line, cut))
            drains.clock.push(max(BUG_DELAYS))
            if not seed.db.commands.find_one({"tenant_id": seed.tenant_id, "active": True}):
                break
        outcomes.append(Outcome(seed, parts, commands))

    assert vars(outcomes[0]) == vars(outcomes[1])
