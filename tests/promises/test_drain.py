"""Sentences 7 to 13: what one batch takes, what it writes, and what it owes its neighbours."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import msgspec
import pytest
from pymongo import monitoring
from pymongo.read_concern import ReadConcern

from adapters.commands.changes import Changes
from adapters.commands.document import Key, Origin, TargetQueue
from adapters.commands.line_heads import BYTES, PER_BATCH, PER_LINE, Heads
from adapters.commands.unit_of_work import UnitOfWork
from adapters.commands.verdicts import Verdict
from adapters.mongo import client as mongo
from adapters.mongo.client import Contention, Document
from domain.assets.part import Part
from domain.errors import Rejected
from locks.idempotency import KEYS_KEPT
from tasks.command import handles
from tasks.work import Work
from tests.servers import Servers
from tests.support.drains import Drains, SleptTime
from tests.support.failing import CLIENT, FailingMongo
from tests.support.patience import InThread
from tests.support.seeds import Seeds, new_id
from tests.support.trial import OnPart, grow, trial_catalogue
from workers.drain.executor import Drained
from workers.drain.parting import PATIENCE

SOON_S = 10.0


def appends(seed: Seeds, part_id: str, count: int, text: str = "x") -> list[Document]:
    return [seed.document("part.append", {"part_id": part_id, "text": text}) for _ in range(count)]


# -- 7: bounds ----------------------------------------------------------------------------------------------


def test_a_hot_target_leaves_room_for_63_others_and_is_hinted_again(seed: Seeds, drains: Drains) -> None:
    hot, *others = sorted(seed.parts(64))  # it sorts first, the worst case
    seed.accept_all(appends(seed, hot, 500))
    seed.accept_all([command for part_id in others for command in appends(seed, part_id, 1)])
    uow = drains.uow()

    with uow.transaction():
        heads = uow.heads([seed.line(part_id) for part_id in (hot, *others)])

    assert {line: len(commands) for line, commands in heads.lines.items()} == {
        seed.line(hot): PER_LINE,
        **{seed.line(part_id): 1 for part_id in others},
    }
    assert heads.more == [seed.line(hot)]
    drained = drains.drain(*map(seed.line, (hot, *others)))
    assert seed.line(hot) in drained.again


def test_many_hot_targets_share_a_batch_of_bounded_size(seed: Seeds, drains: Drains) -> None:
    assert (PER_LINE, PER_BATCH, BYTES) == (32, 200, 4 * 1024 * 1024)
    parts = seed.parts(20)
    for part_id in parts:
        seed.accept_all(appends(seed, part_id, 40))
    uow = drains.uow()

    with uow.transaction():
        heads = uow.heads([seed.line(part_id) for part_id in parts])

    assert sum(map(len, heads.lines.values())) <= PER_BATCH
    assert max(map(len, heads.lines.values())) <= PER_LINE
    assert {*heads.more, *heads.unread} == {seed.line(part_id) for part_id in parts}, "nobody is forgotten"


def test_a_servers_clock_that_is_set_in_the_middle_ends_no_drain(seed: Seeds, drains: Drains) -> None:
    @handles("part.leap", permission=None)
    def leap(cmd: OnPart, work: Work) -> None:  # noqa: ARG001
        drains.clock.push(timedelta(minutes=5))
        grow(work, work.load(Part), "l")

    seed.catalogue = {**seed.catalogue, "part.leap": leap.__dict__["spec"]}
    parts = seed.parts(PER_BATCH + 1)
    seed.accept_all([seed.document("part.leap", {"part_id": part_id}) for part_id in parts])

    drained = drains.executor(leap).drain([seed.line(part_id) for part_id in parts])

    assert len(drained.verdicts) == PER_BATCH + 1


def test_payloads_are_bounded_by_weight_too(seed: Seeds, drains: Drains) -> None:
    parts = seed.parts(40)
    heavy = "x" * 240_000
    for part_id in parts:
        seed.accept_all(appends(seed, part_id, 1, heavy))
    uow = drains.uow()

    with uow.transaction():
        heads = uow.heads([seed.line(part_id) for part_id in parts])

    weight = sum(len(command["payload"]["text"]) for line in heads.lines.values() for command in line)
    assert weight <= BYTES + len(heavy)
    assert len(heads.lines) + len(heads.unread) == len(parts)
    drains.until_dry([seed.line(part_id) for part_id in parts])
    assert seed.db.commands.count_documents({"tenant_id": seed.tenant_id, "state": "applied"}) == len(parts)


# -- 8: commands are written inside the transaction only ----------------------------------------------------


class Wire(monitoring.CommandListener):
    """What went to the server: (command, collection, whether inside a transaction)."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any, bool]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        name = event.command_name
        self.sent.append((name, event.command.get(name), "autocommit" in event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


def test_commands_are_written_only_inside_the_transaction(seed: Seeds, servers: Servers) -> None:
    parts = seed.parts(3)
    seed.accept_all([command for part_id in parts for command in appends(seed, part_id, 2)])
    for how in ("refusal", "outage", "bug", "unwritable"):
        seed.accept("part.fail", part_id=seed.part(), how=how)
    lines = [(command["tenant_id"], command["target"]) for command in seed.db.commands.find()]
    lines = sorted({line for line in lines if line[0] == seed.tenant_id})
    wire = Wire()

    with mongo.client(servers.mongo_uri, event_listeners=[wire]) as watched:
        Drains(watched, seed.db.name, trial_catalogue()).drain(*lines)

    touched = [(name, inside) for name, collection, inside in wire.sent if collection == "commands"]
    assert ("update", True) in touched
    assert all(inside for _, inside in touched), "every access to commands is in the transaction"
    outside = {(name, str(collection)) for name, collection, inside in wire.sent if not inside}
    assert {collection for name, collection in outside if name in ("insert", "update")} == {"batches"}


def test_a_batch_is_announced_before_it_runs_and_seen_from_outside(seed: Seeds, drains: Drains) -> None:
    part_id = seed.part()
    # Unjournaled, so no majority has it yet: whoever looks for losses comes seconds later.
    batches = seed.db.get_collection("batches", read_concern=ReadConcern("local"))
    seen: list[tuple[Document | None, Document]] = []

    @handles("part.look", permission=None)
    def look(cmd: OnPart, work: Work) -> None:  # noqa: ARG001
        announced = batches.find_one({"ids": work.command_id})
        seen.append((announced, seed.found({"_id": work.command_id})))

    drains.catalogue = {**drains.catalogue, "part.look": look.__dict__["spec"]}
    seed.catalogue = drains.catalogue
    command = seed.accept("part.look", part_id=part_id)
    executor = drains.executor()

    executor.drain([seed.line(part_id)])
    executor.rest()

    [(announced, meanwhile)] = seen
    assert announced is not None
    assert announced["session"] is not None
    assert (meanwhile["state"], meanwhile["attempts"]) == ("accepted", 0), "nothing is counted outside"
    assert batches.find_one({"ids": command["_id"]}) is None, "an idle death is blamed on nobody"


# -- 9: a handler writes its own target ---------------------------------------------------------------------


def test_a_handler_that_would_write_another_target_changes_nothing(seed: Seeds, drains: Drains) -> None:
    own, other = seed.parts(2)

    @handles("part.trespass", permission=None)
    def trespass(cmd: OnPart, work: Work) -> None:  # noqa: ARG001
        found = work.peek(Part, other)
        assert found
        work.save(msgspec.structs.replace(found, name="trespassed"))

    seed.catalogue = {**seed.catalogue, "part.trespass": trespass.__dict__["spec"]}
    command = seed.accept("part.trespass", part_id=own)

    drains.executor(trespass).drain([seed.line(own)])

    assert seed.found(command)["error"]["class"] == "TypeError"
    assert seed.name(other) == ""


def test_two_checks_that_depend_on_each_other_cannot_both_commit(seed: Seeds, drains: Drains) -> None:
    """A may be taken while B is free, and B while A is: without a guard both would be."""
    both_have_read = threading.Barrier(2)
    one, other = seed.parts(2, name="free")
    partner = {one: other, other: one}
    rounds: dict[str, int] = {}

    @handles("part.take", permission=None)
    def take(cmd: OnPart, work: Work) -> None:
        mine = work.load(Part)
        if work.require(Part, partner[cmd.part_id]).name != "free":
            raise Rejected("other_taken", "the other is taken")
        rounds[cmd.part_id] = rounds.get(cmd.part_id, 0) + 1
        if rounds[cmd.part_id] == 1:
            both_have_read.wait(SOON_S)
        work.save(msgspec.structs.replace(mine, name="taken"))

    seed.catalogue = {**seed.catalogue, "part.take": take.__dict__["spec"]}
    for part_id in partner:
        seed.accept("part.take", part_id=part_id)

    def settle(part_id: str, chance: int) -> None:
        executor = drains.executor(take, chance=chance)
        for _ in range(10):
            executor.drain([seed.line(part_id)])

    for thread in [InThread(lambda p=p, n=n: settle(p, n)) for n, p in enumerate(partner)]:  # type: ignore[misc]
        thread.result()

    assert sorted([seed.name(one), seed.name(other)]) == ["free", "taken"]
    states = {command["state"] for command in seed.db.commands.find({"tenant_id": seed.tenant_id})}
    assert states == {"applied", "rejected"}


def test_two_moves_that_together_close_a_cycle_do_not_both_commit(seed: Seeds, drains: Drains) -> None:
    made = [seed.accept("asset.create", name=name, criticality="low") for name in "ab"]
    assets = [create["target"].removeprefix("asset:") for create in made]
    lines = [(seed.tenant_id, f"asset:{id}") for id in assets]
    drains.until_dry(lines)
    a, b = assets
    seed.accept("asset.update", asset_id=a, parent_id=b)
    seed.accept("asset.update", asset_id=b, parent_id=a)

    for thread in [InThread(lambda line=line: drains.until_dry([line])) for line in lines]:  # type: ignore[misc]
        thread.result()
    drains.until_dry(lines)

    parents = {row["id"]: row["parent_id"] for row in seed.db.assets.find({"tenant_id": seed.tenant_id})}
    assert sorted(parent is None for parent in parents.values()) == [False, True]


def test_other_targets_change_by_follow_ups_accepted_in_the_same_commit(seed: Seeds, drains: Drains) -> None:
    giver, taker = seed.parts(2)
    command = seed.accept("part.send", part_id=giver, to_id=taker, quantity=7)

    drained = drains.drain(seed.line(giver))

    [follow_up] = seed.db.commands.find({"origin.parent": command["_id"]})
    assert (follow_up["state"], follow_up["origin"]["via"], follow_up["origin"]["depth"]) == (
        "accepted",
        "follow_up",
        1,
    )
    assert "user_id" not in follow_up["origin"], "follow-ups run as system"
    assert drained.again == [seed.line(taker)]
    assert drained.accepted == {"part.adjust": 1}, "counted where it is written"
    assert seed.entity(taker)["version"] == 1
    drains.until_dry(drained.again)
    assert seed.entity(taker)["stock"] == 7


def test_a_follow_up_tells_its_warnings_on_its_parents_receipt(seed: Seeds, drains: Drains) -> None:
    giver, taker = seed.parts(2)
    command = seed.accept("part.send", part_id=giver, to_id=taker, quantity=-3)

    drains.until_dry([seed.line(giver)])

    assert [warning["code"] for warning in seed.found(command)["warnings"]] == ["stock_negative"]


# -- 10: overlays, contention, isolation --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "state"),
    [("refusal", "rejected"), ("conflict", "conflict"), ("outage", "retrying"), ("bug", "retrying")],
)
def test_a_failure_leaves_its_neighbours_untouched(seed: Seeds, drains: Drains, how: str, state: str) -> None:
    part_id, neighbour = seed.parts(2)
    before = seed.accept("part.append", part_id=part_id, text="a")
    failing = seed.accept("part.fail", part_id=part_id, how=how)
    after = seed.accept("part.append", part_id=part_id, text="b")
    beside = seed.accept("part.append", part_id=neighbour, text="n")

    drains.drain(seed.line(part_id), seed.line(neighbour))

    assert [seed.state(command) for command in (before, failing, beside)] == ["applied", state, "applied"]
    line_waits = state == "retrying"
    assert seed.state(after) == ("accepted" if line_waits else "applied")
    assert seed.name(part_id) == ("a" if line_waits else "ab"), "nothing of the failed one stayed"
    assert not list(seed.db.events.find({"command_id": failing["_id"], "type": "part.appended"}))


def test_what_the_store_refuses_is_halved_down_to_the_one_to_blame(seed: Seeds, drains: Drains) -> None:
    parts = seed.parts(9)
    good = [command for part_id in parts[1:] for command in seed.accept_all(appends(seed, part_id, 3))]
    ahead = seed.accept_all(appends(seed, parts[0], 2, "a"))
    bad = seed.accept("part.fail", part_id=parts[0], how="unwritable")
    behind = seed.accept_all(appends(seed, parts[0], 2, "b"))

    drains.drain(*map(seed.line, parts))

    assert {seed.state(command) for command in good + ahead} == {"applied"}
    stored = seed.found(bad)
    assert (stored["state"], stored["attempts"]) == ("retrying", 1)
    assert {seed.state(command) for command in behind} == {"accepted"}, "c2 never runs while c1 fails"
    assert seed.name(parts[0]) == "aa"

    for _ in range(2):
        drains.clock.push(timedelta(seconds=15))
        drains.until_dry([seed.line(parts[0])])
    assert [seed.state(command) for command in (bad, *behind)] == ["dead", "applied", "applied"]
    assert seed.name(parts[0]) == "aabb"


def test_a_value_no_decimal_of_the_store_can_hold_is_a_bug_of_one_command(
    seed: Seeds, drains: Drains
) -> None:
    part_id, neighbour = seed.parts(2)

    @handles("part.overflow", permission=None)
    def overflow(cmd: OnPart, work: Work) -> None:  # noqa: ARG001
        work.save(msgspec.structs.replace(work.load(Part), stock=Decimal("1." + "3" * 40)))

    seed.catalogue = {**seed.catalogue, "part.overflow": overflow.__dict__["spec"]}
    bad = seed.accept("part.overflow", part_id=part_id)
    beside = seed.accept("part.append", part_id=neighbour, text="n")

    drains.executor(overflow).drain([seed.line(part_id), seed.line(neighbour)])

    assert [seed.state(command) for command in (bad, beside)] == ["retrying", "applied"]


def test_a_unique_value_that_is_taken_is_a_refusal_of_that_command_alone_and_says_which(
    seed: Seeds, drains: Drains
) -> None:
    commands = [
        seed.accept("asset.create", name=name, tag=tag, criticality="low")
        for name, tag in [("a", "T1"), ("b", "T1"), ("c", "T2")]
    ]

    drains.until_dry([(seed.tenant_id, command["target"]) for command in commands])

    states = [seed.state(command) for command in commands]
    assert sorted(states) == ["applied", "applied", "rejected"]
    assert states[2] == "applied"
    [refused] = [seed.found(command) for command in commands if seed.state(command) == "rejected"]
    assert refused["error"] == {
        "code": "duplicate",
        "message": "another entity holds this tag",
        "path": "tag",
    }


def test_contention_is_read_again_and_counts_no_attempt(seed: Seeds, drains: Drains) -> None:
    part_id = seed.part()
    contended = 0

    @handles("part.meet", permission=None)
    def meet(cmd: OnPart, work: Work) -> None:  # noqa: ARG001
        nonlocal contended
        part = work.load(Part)
        if contended < PATIENCE - 1:
            contended += 1  # somebody else is first, each time
            changed = {"$set": {"name": part.name + "o"}, "$inc": {"version": 1}}
            seed.db.parts.update_one({"_id": f"{seed.tenant_id}/{part_id}"}, changed)
        grow(work, part, "m")

    seed.catalogue = {**seed.catalogue, "part.meet": meet.__dict__["spec"]}
    command = seed.accept("part.meet", part_id=part_id)

    drains.executor(meet).drain([seed.line(part_id)])

    stored = seed.found(command)
    assert (stored["state"], stored["attempts"]) == ("applied", 1)
    assert seed.name(part_id) == "o" * contended + "m"


def test_lines_that_an_open_transaction_holds_are_parted_from_the_others_and_come_last(
    seed: Seeds, drains: Drains
) -> None:
    commands = [seed.accept("part.append", part_id=part_id, text="x") for part_id in sorted(seed.parts(64))]
    lines = [(command["tenant_id"], command["target"]) for command in commands]
    held = (0, 40)
    uow = drains.uow()
    tried, reads = list[list[TargetQueue]](), uow.heads

    def heads(some: Sequence[TargetQueue]) -> Heads:
        tried.append(list(some))
        return reads(some)

    setattr(uow, "heads", heads)  # noqa: B010 - mypy forbids the plain assignment
    with seed.db.client.start_session() as session, session.start_transaction():
        ids = {"_id": {"$in": [commands[n]["_id"] for n in held]}}
        seed.db.commands.update_many(ids, {"$set": {"state": "applied"}}, session=session)
        done = drains.executor(uow=uow, time=SleptTime()).drain(lines)
        session.abort_transaction()

    alone = [[lines[n]] for n in held]
    parting = len(tried) - next(n for n, some in enumerate(reversed(tried)) if some not in alone)
    assert len(done.verdicts) == 64 - len(held)
    assert tried[:PATIENCE] == [lines] * PATIENCE
    assert parting <= PATIENCE + 2 * 6 * len(held), "each half is tried once"
    assert all(one in tried[parting:] for one in alone), "again, once all others have had their turn"
    assert done.again == [], "left to whoever holds them"


# -- 11: unknown outcomes -----------------------------------------------------------------------------------


@pytest.fixture
def at_risk(faulty: FailingMongo, faulty_tenant: str) -> tuple[Seeds, Drains]:
    seed = Seeds(faulty.admin["faulty"], trial_catalogue(), faulty_tenant)
    return seed, Drains(mongo.client(faulty.uri, appname=CLIENT), "faulty", trial_catalogue())


COMMIT_FAULTS: dict[str, Document] = {
    "done, but the answer is lost": {"writeConcernError": {"code": 64, "errmsg": "no majority in time"}},
    "not done, and the connection lost": {"closeConnection": True},
}


@pytest.mark.parametrize("times", [1, 7])  # the driver itself asks twice, and we three times
@pytest.mark.parametrize("what", COMMIT_FAULTS)
def test_an_unknown_commit_has_its_effect_once(
    at_risk: tuple[Seeds, Drains], faulty: FailingMongo, what: str, times: int
) -> None:
    seed, drains = at_risk
    part_id = seed.part()
    commands = seed.accept_all(appends(seed, part_id, 3))

    with drains.mongo, faulty.failing("commitTransaction", times=times, **COMMIT_FAULTS[what]):
        for _ in range(6):  # a hint is repeated for as long as something is due
            try:
                told = drains.drain(seed.line(part_id)).verdicts
            except mongo.Unavailable:
                continue
            assert [seed.state(verdict.command) for verdict in told] == ["applied"] * len(told), (
                "nothing untrue"
            )

        assert [seed.state(command) for command in commands] == ["applied"] * 3
        assert seed.name(part_id) == "xxx"
        assert seed.db.events.count_documents({"tenant_id": seed.tenant_id}) == 3


def test_a_verdict_on_a_settled_command_writes_nothing(seed: Seeds, drains: Drains) -> None:
    """A failure verdict that was filtered by `_id` alone applied a command twice."""
    part_id = seed.part()
    command = seed.found(seed.accept("part.append", part_id=part_id, text="x"))
    drains.until_dry([seed.line(part_id)])
    settled = seed.found(command)
    late = Verdict(command=command, state="retrying", events=[], next_at=drains.clock.now(), attempts=1)
    uow = drains.uow()

    with pytest.raises(Contention), uow.transaction():
        uow.write(Changes(verdicts=[late]), now=drains.clock.now(), keys_kept=KEYS_KEPT)

    assert seed.found(command) == settled


def test_many_drains_of_the_same_lines_have_each_effect_once(seed: Seeds, drains: Drains) -> None:
    parts = seed.parts(4)
    for part_id in parts:
        seed.accept_all(
            [seed.document("part.append", {"part_id": part_id, "text": f"{n}."}) for n in range(40)]
        )
    lines = [seed.line(part_id) for part_id in parts]
    asked = {"tenant_id": seed.tenant_id, "active": True}

    def drain_for_ever(chance: int) -> None:
        executor = drains.executor(chance=chance)
        while seed.db.commands.find_one(asked):
            executor.drain(lines)

    for thread in [InThread(lambda n=n: drain_for_ever(n)) for n in range(3)]:  # type: ignore[misc]
        thread.result()

    assert [seed.name(part_id) for part_id in parts] == ["".join(f"{n}." for n in range(40))] * 4
    assert seed.db.events.count_documents({"tenant_id": seed.tenant_id}) == 160


# -- 12: derived names --------------------------------------------------------------------------------------


def test_a_follow_up_that_exists_already_is_looked_up_not_collided_with(seed: Seeds, drains: Drains) -> None:
    giver, taker = seed.parts(2)
    command = seed.document("part.send", {"part_id": giver, "to_id": taker, "quantity": 7})
    payload = {"part_id": taker, "quantity": 7, "reason": "sent"}
    earlier = seed.document("part.adjust", payload, origin=Origin(via="follow_up"))
    earlier["idempotency"] = msgspec.to_builtins(Key("follow_up", f"{command['_id']}:give", "f" * 64))
    seed.accept_all([earlier, command])

    drained = drains.drain(seed.line(giver), seed.line(taker))
    drains.until_dry(drained.again)

    assert not drained.accepted
    assert seed.state(command) == "applied"
    assert seed.entity(taker)["stock"] == 7
    assert seed.db.commands.count_documents({"tenant_id": seed.tenant_id}) == 2


# -- 13: winners and losers ---------------------------------------------------------------------------------


class Dwelling(UnitOfWork):
    """Writes, and commits only when it may."""

    wrote = threading.Event()
    may_commit = threading.Event()

    def _commit(self) -> None:
        self.wrote.set()
        assert self.may_commit.wait(SOON_S)
        super()._commit()


def test_the_loser_of_a_line_drops_its_hint_and_the_winner_hints_again(seed: Seeds, drains: Drains) -> None:
    part_id = seed.part()
    first = seed.accept("part.append", part_id=part_id, text="1")
    slow = Dwelling(drains.mongo, drains.database, drains.catalogue, worker=new_id(), slot=0)
    winner = InThread(lambda: drains.executor(uow=slow).drain([seed.line(part_id)]))
    assert slow.wrote.wait(SOON_S)
    late = seed.accept("part.append", part_id=part_id, text="2")

    loser = drains.drain(seed.line(part_id))
    slow.may_commit.set()
    won = winner.result()

    assert (loser.verdicts, loser.again) == ([], []), "it neither ran nor spins"
    assert [seed.state(command) for command in (first, late)] == ["applied", "accepted"]
    assert isinstance(won, Drained)
    assert seed.line(part_id) in won.again, "the winner's snapshot was older than the late one"
    drains.until_dry(won.again)
    assert seed.name(part_id) == "12"


def test_a_winner_who_does_not_hint_again_has_made_no_loser_drop_its_hint(
    seed: Seeds, drains: Drains
) -> None:
    part_id = seed.part()
    seed.accept("part.append", part_id=part_id, text="1")
    slow = Dwelling(drains.mongo, drains.database, drains.catalogue, worker=new_id(), slot=0)
    slow.wrote, slow.may_commit = threading.Event(), threading.Event()
    time = SleptTime()
    winner = InThread(lambda: drains.executor(uow=slow, time=time).drain([seed.line(part_id)]))
    assert slow.wrote.wait(SOON_S)
    late = seed.accept("part.append", part_id=part_id, text="2")
    sleep, contentions = time.sleep, count(1)

    def commits_in_the_last_sleep(seconds: float) -> None:
        if next(contentions) == PATIENCE:
            slow.may_commit.set()
            winner.result()
        sleep(seconds)

    setattr(time, "sleep", commits_in_the_last_sleep)  # noqa: B010 - mypy forbids the plain assignment

    loser = drains.executor(time=time).drain([seed.line(part_id)])
    won = winner.result()

    assert isinstance(won, Drained)
    assert seed.state(late) == "applied" or seed.line(part_id) in won.again + loser.again
