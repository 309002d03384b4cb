"""What nothing names goes in its time, and what anything names stays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from itertools import count, pairwise
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from adapters.blobs import store as blobs
from adapters.blobs.references import PLACES, is_named
from adapters.blobs.store import CHUNK_BYTES, CHUNKS, FILES, GRACE, LAST_CALL, Blobs, Damaged, Stored
from adapters.mongo import client as mongo
from adapters.mongo import indexes
from adapters.mongo.client import Document, Unavailable
from adapters.mongo.server_time import server_time
from adapters.process.metrics import Metrics
from tests.servers import Servers
from workers.duties.blob_sweep import EVERY, blob_sweep_duty, sweep_blobs

TENANT = "t"
SHA = "a" * 64


@pytest.fixture(scope="module")
def uri(servers: Servers) -> str:
    start, _, options = servers.mongo_uri.partition("?")
    return f"{start.rstrip('/')}/sweep_{uuid4().hex[:12]}?{options}"


@pytest.fixture(scope="module")
def indexed(uri: str) -> Iterator[Database[Any]]:
    """Through the client that a scheduler has: majority reads, snapshots. Made once: indexes take time."""
    with mongo.client(uri) as client:
        db = client.get_default_database()
        indexes.create(db)
        yield db
        client.drop_database(db.name)


@pytest.fixture
def store(indexed: Database[Any]) -> Database[Any]:
    for collection in {FILES, CHUNKS, *(name for name, *_ in PLACES)}:
        indexed[collection].delete_many({})
    return indexed


class Desk:
    """Puts blobs, and lets time pass for them."""

    def __init__(self, store: Database[Any], uri: str) -> None:
        self.store = store
        self._uri = uri
        self._ids = count()

    def ask(self, question: Callable[[Blobs], Coroutine[Any, Any, Any]]) -> Any:
        async def answered() -> Any:
            async with mongo.async_client(self._uri) as client:
                db: AsyncDatabase[Any] = client[self.store.name]
                return await question(Blobs(db, new_id=lambda: str(next(self._ids))))

        return asyncio.run(answered())

    def put(self, content: bytes = b"bytes", *, sha256: str = SHA, tenant_id: str = TENANT) -> Document:
        async def question(at: Blobs) -> Stored:
            upload = await at.begin(tenant_id, sha256, by="u")
            await upload.write(content)
            return await at.finish(upload, "text/plain", by="u")

        taken: Stored = self.ask(question)
        return taken.record

    def ages(self, by: timedelta) -> None:
        """Everything was looked at so much earlier."""
        for record in self.store[FILES].find():
            earlier = {"look_at": record["look_at"] - by}
            self.store[FILES].update_one({"_id": record["_id"]}, {"$set": earlier})

    def sweeps(self) -> dict[str, int]:
        """Until there is no more to do."""
        deleted: dict[str, int] = {}
        while (swept := sweep_blobs(self.store)).more:
            deleted.update(swept.deleted)
        return deleted | dict(swept.deleted)

    def state(self, sha256: str = SHA, tenant_id: str = TENANT) -> str | None:
        found = self.store[FILES].find_one({"tenant_id": tenant_id, "sha256": sha256})
        return found["state"] if found else None

    def left(self) -> tuple[int, int]:
        return self.store[FILES].count_documents({}), self.store[CHUNKS].count_documents({})


@pytest.fixture
def desk(store: Database[Any], uri: str) -> Desk:
    return Desk(store, uri)


def number(n: int) -> str:
    return f"{n:064x}"


OTHER = number(99)
NAMERS: tuple[tuple[str, Document], ...] = (
    ("commands", {"state": "accepted", "active": True, "needs": [number(0)]}),
    ("commands", {"state": "retrying", "active": True, "needs": [OTHER, number(1)]}),
    ("commands", {"state": "parked", "active": True, "needs": [number(2)]}),
    ("commands", {"state": "dead", "needs": [number(3)]}),
    ("requests", {"attachments": [{"sha256": OTHER}, {"sha256": number(4)}]}),
    ("entries", {"kind": "attachment", "sha256": number(5)}),
    ("entries", {"kind": "signature", "image_sha256": number(6)}),
    ("work_orders", {"checklist": [{"id": "1"}, {"evidence_sha256": number(7)}]}),
    ("commands", {"state": "conflict", "inbox": "conflict", "blocks": "u/d", "needs": [number(8)]}),
)


def test_what_nothing_names_is_condemned_after_its_grace_and_goes_a_day_later(desk: Desk) -> None:
    desk.put(b"x" * (CHUNK_BYTES + 1))

    desk.ages(GRACE - timedelta(minutes=1))
    assert (desk.sweeps(), desk.state()) == ({}, "kept")
    desk.ages(timedelta(minutes=1))
    assert (desk.sweeps(), desk.state()) == ({}, "condemned")
    desk.ages(LAST_CALL - timedelta(minutes=1))
    assert (desk.sweeps(), desk.state()) == ({}, "condemned")
    desk.ages(timedelta(minutes=1))
    assert desk.sweeps() == {"unnamed": 1}

    assert desk.left() == (0, 0)


def test_what_is_named_stays_in_its_tenant_and_is_looked_at_again_later(desk: Desk) -> None:
    for n, (collection, document) in enumerate(NAMERS):
        known = {"_id": str(n), "tenant_id": TENANT, "number": n, "idempotency": {"key": n}}
        desk.store[collection].insert_one(known | document)
        desk.put(sha256=number(n))
        desk.put(sha256=number(n), tenant_id="another")

    for _ in range(3):
        desk.ages(GRACE)
        desk.sweeps()

    left = {(one["tenant_id"], one["sha256"], one["state"]) for one in desk.store[FILES].find()}
    assert left == {(TENANT, number(n), "kept") for n in range(len(NAMERS))}


def test_a_command_that_has_ended_names_nothing_itself(desk: Desk) -> None:
    for state in ("applied", "rejected", "discarded", "superseded", "conflict"):
        command = {"_id": state, "tenant_id": TENANT, "idempotency": {"key": state}}
        desk.store["commands"].insert_one(command | {"state": state, "needs": [SHA]})
    desk.put()

    desk.ages(GRACE)
    desk.sweeps()

    assert desk.state() == "condemned"


def test_a_condemned_blob_is_rescued_by_a_name_a_put_or_a_read(desk: Desk) -> None:
    desk.put()
    desk.ages(GRACE)
    desk.sweeps()

    # A name that comes at the last moment.
    desk.store["entries"].insert_one({"_id": "n", "tenant_id": TENANT, "sha256": SHA})
    desk.ages(LAST_CALL)
    assert (desk.sweeps(), desk.state()) == ({}, "kept")

    # A PUT or a read between the sweep's look and its step: the step finds it changed, and is not taken.
    desk.store["entries"].delete_one({"_id": "n"})
    desk.ages(GRACE)
    desk.sweeps()
    desk.ages(LAST_CALL)
    rescue(desk)
    assert (desk.sweeps(), desk.state()) == ({}, "kept")


def rescue(desk: Desk) -> None:
    async def question(at: Blobs) -> bool:
        found = await at.find(TENANT, SHA)
        assert found is not None
        return await at.keep(found)

    assert desk.ask(question)


def test_a_put_while_the_sweep_is_deciding_wins(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile(*args: Any) -> bool:
        rescue(desk)
        return is_named(*args)

    desk.put()
    desk.ages(GRACE)
    with monkeypatch.context() as patched:
        patched.setattr("workers.duties.blob_sweep.is_named", meanwhile)
        sweep_blobs(desk.store)
    assert desk.state() == "kept"

    desk.ages(GRACE)
    desk.sweeps()
    desk.ages(LAST_CALL)
    with monkeypatch.context() as patched:
        patched.setattr("workers.duties.blob_sweep.is_named", meanwhile)
        sweep_blobs(desk.store)
    assert desk.state() == "kept"


def test_a_command_applied_while_the_sweep_asks_is_not_missed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.put()
    desk.ages(GRACE)
    desk.store["commands"].insert_one(
        {"_id": "c", "tenant_id": TENANT, "state": "accepted", "active": True, "needs": [SHA]}
    )
    asked: list[str] = []

    def ask_in_the_worst_order(db: Database[Any], session: Any, tenant_id: str, sha256: str) -> bool:
        for collection, field, condition, _ in (*PLACES[3:], *PLACES[:3]):
            query = {"tenant_id": tenant_id, field: sha256, **condition}
            if db[collection].find_one(query, session=session):
                return True
            asked.append(collection)
            if asked == [name for name, *_ in PLACES[3:]]:
                db["entries"].insert_one({"_id": "e", "tenant_id": TENANT, "sha256": SHA})
                ended = {"$set": {"state": "applied"}, "$unset": {"active": ""}}
                db["commands"].update_one({"_id": "c"}, ended)
        return False

    monkeypatch.setattr("workers.duties.blob_sweep.is_named", ask_in_the_worst_order)
    desk.sweeps()

    assert desk.state() == "kept"


def test_what_never_arrived_goes_and_cannot_arrive_afterwards(desk: Desk) -> None:
    async def question(at: Blobs) -> None:
        upload = await at.begin(TENANT, SHA, by="u")
        await upload.write(b"x" * (blobs.CHUNKS_AT_ONCE * CHUNK_BYTES))
        assert await at.find(TENANT, SHA) is None

        desk.ages(blobs.ARRIVES_WITHIN)
        assert desk.sweeps() == {"incomplete": 1}

        with pytest.raises(Unavailable):
            await at.finish(upload, "text/plain", by="u")

    desk.ask(question)

    assert desk.left() == (0, 0)


def test_a_deletion_that_broke_off_is_taken_up_again(desk: Desk) -> None:
    record = desk.put()
    going = {"state": "going", "why": "unnamed", "look_at": server_time(desk.store)}
    desk.store[FILES].update_one({"_id": record["_id"]}, {"$set": going})
    desk.store[CHUNKS].delete_many({})

    assert desk.sweeps() == {"unnamed": 1}
    assert desk.left() == (0, 0)


def test_a_long_past_goes_in_bounded_rounds(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.duties.blob_sweep.PAGE", 2)
    for n in range(5):
        desk.put(sha256=number(n))
    desk.ages(GRACE)

    first = sweep_blobs(desk.store)

    assert first.more
    assert desk.store[FILES].count_documents({"state": "condemned"}) == 2
    desk.sweeps()
    assert desk.store[FILES].count_documents({"state": "condemned"}) == 5


def test_the_scheduler_counts_what_it_sweeps_and_goes_on_while_there_is_more(desk: Desk) -> None:
    metrics = Metrics()
    duty = blob_sweep_duty(desk.store, metrics)
    desk.put()

    assert duty.tick() == EVERY
    desk.ages(GRACE)
    assert duty.tick() == timedelta()
    desk.ages(LAST_CALL)
    while duty.tick() != EVERY:
        pass

    assert b'blobs_swept_total{why="unnamed"} 1.0' in metrics.exposition()
    assert desk.left() == (0, 0)


def test_a_blob_whose_bytes_are_lost_breaks_off_instead_of_giving_others(desk: Desk) -> None:
    record = desk.put(b"x" * (CHUNK_BYTES * 3))
    desk.store[CHUNKS].delete_one({"files_id": record["_id"], "n": 1})

    async def question(at: Blobs) -> bytes:
        pieces = at.read(record, 0, record["length"])
        first = await anext(pieces)
        with pytest.raises(Damaged, match="chunk 1 "):
            await anext(pieces)
        return first

    assert desk.ask(question) == b"x" * CHUNK_BYTES


def test_every_question_about_a_name_is_answered_by_an_index(store: Database[Any]) -> None:
    for collection, field, condition, index in PLACES:
        query = {"tenant_id": TENANT, field: SHA, **condition}
        plan = str(store[collection].find(query).hint(index).explain()["queryPlanner"]["winningPlan"])
        assert "IXSCAN" in plan, plan
    now = server_time(store)
    due = store[FILES].find({"look_at": {"$lte": now}}).sort([("look_at", 1), ("_id", 1)])
    assert "SORT'" not in str(due.explain()["queryPlanner"]["winningPlan"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.sampled_from([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES * 4, CHUNK_BYTES * 9 + 7]),
    cuts=st.lists(st.floats(0, 1), max_size=6),
    span=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_pieces_of_any_size_come_back_as_the_same_bytes(
    desk: Desk, size: int, cuts: list[float], span: tuple[float, float]
) -> None:
    content = (b"0123456789abcde" * (size // 15 + 1))[:size]
    places = [0, *sorted(int(cut * size) for cut in cuts), size]
    start, end = sorted(int(part * size) for part in span)

    async def question(at: Blobs) -> tuple[bytes, bytes]:
        upload = await at.begin(TENANT, SHA, by="u")
        for one, next_one in pairwise(places):
            await upload.write(content[one:next_one])
        taken = await at.finish(upload, "text/plain", by="u")
        whole = b"".join([piece async for piece in at.read(taken.record, 0, size)])
        part = b"".join([piece async for piece in at.read(taken.record, start, end - start)])
        desk.store[FILES].delete_many({})
        desk.store[CHUNKS].delete_many({})
        return whole, part

    assert desk.ask(question) == (content, content[start:end])
