"""Sentences 1 to 4: what a 202 means, and what one client's misfortune may do to its neighbours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from adapters.commands import acceptance as intake
from adapters.commands.acceptance import Accepted, Intake, KeyReused, Overloaded
from adapters.commands.document import Origin
from adapters.mongo import client as mongo
from adapters.mongo.client import Document, Unavailable, Unwritable
from adapters.process.clock import SystemClock
from tests.support import trial
from tests.support.failing import CLIENT, FailingMongo
from tests.support.seeds import Seeds, new_id

STILL_RUNNING = timedelta(milliseconds=600)
"""How long a write hangs in the server, so that others arrive meanwhile."""


class Door:
    """An intake on the mongod with failpoints, and one tenant's commands."""

    def __init__(self, accepting: Intake, seed: Seeds) -> None:
        self.intake = accepting
        self.seed = seed

    def command(self, text: str = "x", **more: Any) -> Document:
        return self.seed.document("part.append", {"part_id": new_id(), "text": text}, **more)

    async def accept(self, document: Document) -> Accepted:
        return await asyncio.wait_for(self.intake.accept(document), timeout=10)

    def accepting(self, document: Document) -> asyncio.Task[Accepted]:
        return asyncio.create_task(self.accept(document))

    def is_stored(self, document: Document) -> bool:
        return self.seed.db.commands.find_one({"_id": document["_id"]}) is not None


@asynccontextmanager
async def door(faulty: FailingMongo, tenant: str) -> AsyncIterator[Door]:
    seed = Seeds(faulty.admin["faulty"], trial.trial_catalogue(), tenant)
    client: AsyncMongoClient[Any] = mongo.async_client(faulty.uri, appname=CLIENT)
    async with client:
        await client.admin.command("ping")
        async with Intake(client["faulty"]["commands"]) as accepting:
            yield Door(accepting, seed)


async def in_flight(faulty: FailingMongo) -> None:
    """Until a write hangs in the server."""
    deadline = SystemClock().monotonic() + 5
    query = {"active": True, "command.insert": "commands", "appName": CLIENT}
    while not faulty.admin.admin.command({"currentOp": 1, **query})["inprog"]:
        assert SystemClock().monotonic() < deadline, "no insert arrived at the server"
        await asyncio.sleep(0.01)


def hanging(faulty: FailingMongo, for_: timedelta = STILL_RUNNING) -> Any:
    return faulty.failing(
        "insert", times=1, blockConnection=True, blockTimeMS=for_ // timedelta(milliseconds=1)
    )


def nested(levels: int) -> Document:
    document: Document = {}
    for _ in range(levels):
        document = {"inner": document}
    return document


UNENCODABLE: dict[str, Callable[[], Any]] = {
    "a lone surrogate": lambda: "\ud800",
    "a number beyond 64 bits": lambda: 2**70,
    "33 levels": lambda: nested(33),
    "a NUL in a name": lambda: {"a\0b": 1},
    "more than a document may hold": lambda: "x" * (17 * 1024 * 1024),
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadline that a test can wait for."""
    assert timedelta(seconds=1) <= intake.WRITE_DEADLINE <= timedelta(seconds=4)
    monkeypatch.setattr(intake, "WRITE_DEADLINE", timedelta(milliseconds=300))


# -- 1: a batch is many strangers ---------------------------------------------------------------------------


@pytest.mark.parametrize("what", UNENCODABLE)
async def test_one_unencodable_payload_does_not_fail_its_neighbours(
    faulty: FailingMongo, faulty_tenant: str, what: str
) -> None:
    async with door(faulty, faulty_tenant) as at:
        good, bad = [at.command() for _ in range(5)], at.command()
        bad["payload"]["text"] = UNENCODABLE[what]()

        with hanging(faulty):
            first = at.accepting(at.command())
            await in_flight(faulty)  # so that all of these share the next write
            tasks = [at.accepting(document) for document in [*good[:2], bad, *good[2:]]]
            refused = (await asyncio.gather(*tasks, return_exceptions=True))[2]

        assert isinstance(refused, Unwritable)
        assert not at.is_stored(bad)
        assert all(at.is_stored(document) for document in good)
        assert not (await first).replayed
        assert not (await at.accept(at.command())).replayed, "the batcher still serves"


async def test_a_client_that_hangs_up_does_not_stall_the_batcher(
    faulty: FailingMongo, faulty_tenant: str
) -> None:
    async with door(faulty, faulty_tenant) as at:
        sent, waiting, patient = at.command(), at.command(), at.command()

        with hanging(faulty):
            in_the_write = at.accepting(sent)
            await in_flight(faulty)
            in_the_queue, behind = at.accepting(waiting), at.accepting(patient)
            await asyncio.sleep(0)
            in_the_write.cancel()
            in_the_queue.cancel()
            await behind

        assert at.is_stored(sent), "what was sent stands, answer or not"
        assert not at.is_stored(waiting), "nothing was sent of one that hung up before"
        assert not (await at.accept(at.command())).replayed


async def test_the_queue_before_the_store_is_bounded(
    faulty: FailingMongo, faulty_tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "CAPACITY", 8)
    async with door(faulty, faulty_tenant) as at:
        with hanging(faulty):
            first = at.accepting(at.command())
            await in_flight(faulty)
            queued = [at.accepting(at.command()) for _ in range(8)]
            await asyncio.sleep(0)
            one_too_many = at.command()

            with pytest.raises(Overloaded):
                await at.accept(one_too_many)

            await asyncio.gather(first, *queued)
        assert not at.is_stored(one_too_many)


@pytest.mark.usefixtures("impatient")
async def test_a_write_that_hangs_is_given_up_at_the_deadline(
    faulty: FailingMongo, faulty_tenant: str
) -> None:
    async with door(faulty, faulty_tenant) as at:
        began = SystemClock().monotonic()

        with hanging(faulty, timedelta(seconds=1.5)):
            with pytest.raises(Unavailable):
                await at.accept(at.command())
            waited_s = SystemClock().monotonic() - began

        assert waited_s < 1
        assert not (await at.accept(at.command())).replayed, "service resumes by itself"


# -- 2: verdicts --------------------------------------------------------------------------------------------


async def test_without_a_majority_nobody_hears_202_and_the_repeat_gets_the_first_answer(
    faulty: FailingMongo, faulty_tenant: str
) -> None:
    async with door(faulty, faulty_tenant) as at:
        documents = [at.command() for _ in range(3)]
        no_majority = {"code": 64, "errmsg": "waiting for replication timed out"}

        with faulty.failing("insert", writeConcernError=no_majority):
            answers = await asyncio.gather(*map(at.accept, documents), return_exceptions=True)

        assert [type(answer) for answer in answers] == [Unavailable] * 3
        for document in documents:  # they are there all the same: a new command with the same key and body
            repeat = await at.accept({**document, "_id": new_id()})
            assert (repeat.replayed, repeat.document["_id"]) == (True, document["_id"])


@pytest.mark.usefixtures("impatient")
async def test_a_lost_connection_is_an_unknown_outcome_for_all_in_the_write(
    faulty: FailingMongo, faulty_tenant: str
) -> None:
    async with door(faulty, faulty_tenant) as at:
        documents = [at.command() for _ in range(3)]

        with faulty.failing("insert", closeConnection=True):
            answers = await asyncio.gather(*map(at.accept, documents), return_exceptions=True)

        assert [type(answer) for answer in answers] == [Unavailable] * 3
        assert [(await at.accept(document)).replayed for document in documents] == [False] * 3


async def test_the_store_refusing_one_document_accepts_the_others(
    faulty: FailingMongo, faulty_tenant: str
) -> None:
    async with door(faulty, faulty_tenant) as at:
        documents = [at.command(text) for text in ("fine", "refused by the store", "fine")]
        rule = {"payload.text": {"$ne": "refused by the store"}}
        at.seed.db.command({"collMod": "commands", "validator": rule})
        try:
            with hanging(faulty):
                first = at.accepting(at.command())
                await in_flight(faulty)
                answers = await asyncio.gather(*map(at.accept, documents), return_exceptions=True)
                await first
        finally:
            at.seed.db.command({"collMod": "commands", "validator": {}})

        assert [type(answer) for answer in answers] == [Accepted, Unavailable, Accepted]
        assert [at.is_stored(document) for document in documents] == [True, False, True]


async def test_of_many_with_one_key_one_is_stored_and_all_are_answered_by_it(
    faulty: FailingMongo, faulty_tenant: str
) -> None:
    async with door(faulty, faulty_tenant) as at, door(faulty, faulty_tenant) as other_process:
        original = at.command(key="the-same-key-for-all")
        repeats = [{**original, "_id": new_id()} for _ in range(50)]

        answers = await asyncio.gather(
            *(door.accept(document) for door, document in zip([at, other_process] * 25, repeats, strict=True))
        )

        stored = at.seed.db.commands.count_documents({"tenant_id": faulty_tenant})
        assert stored == 1
        assert len({answer.document["_id"] for answer in answers}) == 1
        assert [answer.replayed for answer in answers].count(False) == 1


async def test_a_key_used_with_another_body_names_the_first_and_fails_no_neighbour(
    faulty: FailingMongo, faulty_tenant: str
) -> None:
    async with door(faulty, faulty_tenant) as at:
        first = at.command("one thing", key="the-key")
        await at.accept(first)

        other, neighbour = at.command("another thing", key="the-key"), at.command()
        refused, fine = await asyncio.gather(*map(at.accept, [other, neighbour]), return_exceptions=True)

        assert isinstance(refused, KeyReused)
        assert refused.first == first["_id"]
        assert isinstance(fine, Accepted)


async def test_a_duplicate_that_is_not_of_the_key_is_never_a_202(
    faulty: FailingMongo, faulty_tenant: str
) -> None:
    async with door(faulty, faulty_tenant) as at:
        first = at.command()
        await at.accept(first)

        with pytest.raises(Unavailable):
            await at.accept({**at.command(), "_id": first["_id"]})


# -- 3: whose key it is -------------------------------------------------------------------------------------


async def test_a_key_belongs_to_a_user_of_a_tenant_whatever_the_route(
    faulty: FailingMongo, faulty_tenant: str
) -> None:
    async with door(faulty, faulty_tenant) as at, door(faulty, f"{faulty_tenant}-too") as elsewhere:
        online = at.command(key="the-key")
        await at.accept(online)

        offline = Origin(via="offline", user_id="u1", device_id="d1", lane_seq=3)
        replay = {**online, "_id": new_id(), "origin": {"via": offline.via, "device_id": offline.device_id}}
        by_another_user = at.command(key="the-key", user_id="u2")
        in_another_tenant = elsewhere.command(key="the-key")

        assert (await at.accept(replay)).document["_id"] == online["_id"]
        assert not (await at.accept(by_another_user)).replayed
        assert not (await elsewhere.accept(in_another_tenant)).replayed


async def test_the_fingerprint_is_type_body_and_base_version_in_any_order_of_names(
    faulty: FailingMongo, faulty_tenant: str
) -> None:
    async with door(faulty, faulty_tenant) as at:
        part_id = new_id()

        def made(type: str, payload: Document, **more: Any) -> Document:
            return at.seed.document(type, payload, key="the-key", **more)

        await at.accept(made("part.append", {"part_id": part_id, "text": "x"}, base_version=3))

        same = await at.accept(made("part.append", {"text": "x", "part_id": part_id}, base_version=3))
        assert same.replayed
        for other in (
            made("part.append", {"part_id": part_id, "text": "x"}, base_version=4),
            made("part.append", {"part_id": part_id, "text": "y"}, base_version=3),
            made("part.fail", {"part_id": part_id, "how": "x"}, base_version=3),
        ):
            with pytest.raises(KeyReused):
                await at.accept(other)


# -- 4: what may be shown -----------------------------------------------------------------------------------


async def test_what_a_failover_could_undo_is_shown_to_nobody(
    faulty: FailingMongo, faulty_tenant: str
) -> None:
    seen_by_house: list[Document | None] = []
    async with door(faulty, faulty_tenant) as at, mongo.async_client(faulty.uri) as reader:
        before = at.command()
        await at.accept(before)

        # Written by the primary and acknowledged by no majority, for as long as this lasts.
        with faulty.point("disableSnapshotting"), mongo.client(faulty.uri) as threads:
            unsafe = faulty.admin["faulty"].get_collection("commands", write_concern=WriteConcern(1))
            unsafe.update_one({"_id": before["_id"]}, {"$set": {"state": "applied"}})
            asked = {"_id": before["_id"]}
            seen_by_house.append(await reader["faulty"].commands.find_one(asked))
            seen_by_house.append(threads["faulty"].commands.find_one(asked))
            local = faulty.admin["faulty"].commands.find_one(asked)

        assert [seen["state"] for seen in seen_by_house if seen] == ["accepted", "accepted"]
        assert local is not None
        assert local["state"] == "applied", "the fault was real: a local read shows it"


async def test_the_house_asks_the_primary_and_writes_durably() -> None:
    async with mongo.async_client("mongodb://127.0.0.1:1") as client:
        with mongo.client("mongodb://127.0.0.1:1") as threads:
            for made in (client, threads):
                assert made.read_concern.level == "majority"
                assert made.read_preference.mode == 0, "primary"
                assert made.write_concern.document == {"w": "majority", "j": True}


@pytest.mark.usefixtures("impatient")
async def test_no_driver_error_leaves_the_door(faulty: FailingMongo, faulty_tenant: str) -> None:
    async with door(faulty, faulty_tenant) as at:
        for code in (11600, 91, 10107, 13, 112):
            with faulty.failing("insert", errorCode=code), pytest.raises(Unavailable) as raised:
                await at.accept(at.command())
            assert not isinstance(raised.value, PyMongoError)
