"""What a sync costs: it reads what changed for one person, and holds a step of it at a time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from adapters.mongo import client as mongo
from adapters.mongo import indexes
from api.sync.answer import Sync
from api.sync.cursor import Position, encode, milliseconds
from api.sync.cursor import start as start_pass
from api.sync.dependencies import ChangedDependencies, DependencyLoader
from api.sync.orders import OrdersOf, Taken, phases
from api.sync.scope import Scope
from api.sync.traversal import STEP
from tests.api.people import new_id
from tests.api.stock import START
from tests.servers import Servers

TENANT, TECH = "t", "tech"
ORDERS = 100_000
MINE = 50
CHANGED = 5
NOBODYS = 12
"""Of each thousand, the one that waits for somebody to take it on."""
SCOPE = Scope(tenant_id=TENANT, user_id=TECH, holders=(TECH, "team"), kinds=("asset", "part", "template"))
SINCE = START + timedelta(days=100)


class Fetched(CommandListener):
    """Documents that the store has sent, question by question."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def started(self, event: CommandStartedEvent) -> None: ...

    def failed(self, event: CommandFailedEvent) -> None: ...

    def succeeded(self, event: CommandSucceededEvent) -> None:
        cursor = event.reply.get("cursor", {})
        self.batches.append(len(cursor.get("firstBatch", ())) + len(cursor.get("nextBatch", ())))

    @property
    def documents(self) -> int:
        return sum(self.batches)


def bare(n: int, **fields: Any) -> dict[str, Any]:
    """An order as small as it may be: the store is what is measured."""
    id = fields.pop("id", None) or new_id()
    known = {"_id": f"{TENANT}/{id}", "tenant_id": TENANT, "id": id, "version": 1, "number": f"WO-{n:06d}"}
    fresh = {"status": "assigned", "assignee_ids": [f"p{n % 500}"], "team_id": None, "updated_at": START}
    return known | fresh | {"title": f"Order {n}", "created_at": START} | fields


@pytest.fixture(scope="module")
def crowded(servers: Servers) -> Iterator[Database[Any]]:
    """100,000 orders of one tenant, of which 50 are one person's and 5 of those have changed."""
    with mongo.client(servers.mongo_uri) as client:
        db = client[f"sync_{uuid4().hex[:12]}"]
        indexes.create(db)
        for start in range(0, ORDERS, 10_000):
            orders = []
            for n in range(start, start + 10_000):
                fields: dict[str, Any] = {"status": "closed"} if n % 2 else {}
                if n % (ORDERS // MINE) == 0:
                    fields |= {"assignee_ids": [TECH]}
                if n < CHANGED * (ORDERS // MINE):
                    fields |= {"updated_at": SINCE + timedelta(minutes=n % 60)}
                if n % 1_000 == 7:
                    fields |= {"assignee_ids": [], "team_id": "crew", "status": "assigned"}
                if n % 1_000 == NOBODYS:
                    fields |= {"assignee_ids": [], "status": "approved"}
                orders.append(bare(n, **fields))
            db.work_orders.insert_many(orders, ordered=False)
        db.events.insert_many(
            {
                "_id": f"e{n:06d}",
                "tenant_id": TENANT,
                "target": f"work_order:{n}",
                "at": SINCE + timedelta(minutes=n % 60),
                "data": {"taken_from": [TECH]} if n in (7, 70) else {"text": "hot"},
            }
            for n in range(10_000)
        )
        for collection in ("assets", "parts", "plans"):
            db[collection].insert_many(
                {
                    "_id": f"{TENANT}/{collection}{n}",
                    "tenant_id": TENANT,
                    "updated_at": SINCE if n < CHANGED else START,
                }
                for n in range(5_000)
            )
        yield db
        client.drop_database(db.name)


@pytest.fixture
def fetched() -> Fetched:
    return Fetched()


@pytest.fixture
async def watched(
    servers: Servers, crowded: Database[Any], fetched: Fetched
) -> AsyncIterator[AsyncDatabase[Any]]:
    client: AsyncMongoClient[Any] = mongo.async_client(servers.mongo_uri, event_listeners=[fetched])
    async with client:
        yield client[crowded.name]


async def test_a_delta_examines_what_changed_for_one_person_and_no_more(
    watched: AsyncDatabase[Any], crowded: Database[Any]
) -> None:
    moment = await Sync(watched, new_id=new_id).moment()
    cursor = start_pass(SCOPE, moment, milliseconds(SINCE), margin=timedelta())
    needs = DependencyLoader(watched, SCOPE)
    delta: list[OrdersOf | Taken | ChangedDependencies] = [*phases(watched, SCOPE, cursor)]
    delta += [
        ChangedDependencies(watched, SCOPE, kind, since=SINCE, loader=needs, carried=[])
        for kind in SCOPE.kinds
    ]

    examined = {phase.name: await examine(phase, crowded) for phase in delta}

    own = {"own.open": CHANGED, "taken": 2}
    changed = {f"changed.{kind}": CHANGED for kind in SCOPE.kinds}
    returned = {name: found["nReturned"] for name, found in examined.items()}
    assert {name: n for name, n in returned.items() if n} == own | {"team.open": 10} | changed
    for name, found in examined.items():
        # A range of the index costs one key more than it has: there are at most a dozen in one question. What
        # teams have is looked for among what names nobody, by the index alone.
        nobodys = 10 if name == "team.open" else 0
        assert found["totalKeysExamined"] <= returned[name] + 12 + nobodys, name
        assert found["totalDocsExamined"] <= returned[name], name


async def examine(phase: OrdersOf | Taken | ChangedDependencies, db: Database[Any]) -> dict[str, Any]:
    at = "at" if isinstance(phase, Taken) else "updated_at"
    collection = {"taken": "events", "changed.asset": "assets", "changed.part": "parts"}.get(
        phase.name, "plans" if phase.name == "changed.template" else "work_orders"
    )
    shown = {"_id": 1, at: 1} if isinstance(phase, ChangedDependencies) else None
    query = phase.query(Position(at=milliseconds(phase.since)))
    found = db[collection].find(query, shown).sort([(at, 1), ("_id", 1)]).limit(1_000).explain()
    stats: dict[str, Any] = found["executionStats"]
    return stats


async def test_a_whole_copy_examines_what_one_person_carries(
    watched: AsyncDatabase[Any], crowded: Database[Any]
) -> None:
    moment = await Sync(watched, new_id=new_id).moment()
    cursor = start_pass(SCOPE, moment, None, margin=timedelta())

    examined = {phase.name: await examine(phase, crowded) for phase in phases(watched, SCOPE, cursor)}

    assert {name: found["nReturned"] for name, found in examined.items()} == {
        "own.open": MINE, "own.completed": 0, "team.open": ORDERS // 1_000, "team.completed": 0,
    }  # fmt: skip
    assert sum(found["totalDocsExamined"] for found in examined.values()) == MINE + ORDERS // 1_000


async def test_a_delta_of_a_tenant_in_which_nothing_changed_fetches_nothing(
    watched: AsyncDatabase[Any], fetched: Fetched
) -> None:
    sync = Sync(watched, new_id=new_id)
    moment = await sync.moment()
    cursor = encode(start_pass(SCOPE, moment, milliseconds(moment.at), margin=timedelta()))
    fetched.batches.clear()

    answer = await sync.answer(SCOPE, cursor, limit=500, etags="")

    assert json.loads(answer.content)["entities"] == []
    assert fetched.documents == 1, "the server's moment, and nothing else"


async def test_a_first_copy_of_5000_orders_is_streamed_step_by_step(
    watched: AsyncDatabase[Any], crowded: Database[Any], fetched: Fetched
) -> None:
    busy = Scope(tenant_id=TENANT, user_id="busy", holders=("busy",), kinds=())
    made = [bare(ORDERS + n, assignee_ids=["busy"]) for n in range(5_000)]
    crowded.work_orders.insert_many(made)
    sync = Sync(watched, new_id=new_id)
    fetched.batches.clear()

    answer = await sync.answer(busy, None, limit=10_000, etags="")
    pieces: list[bytes] = []
    read_ahead = 0
    async for piece in answer.iterator:  # type: ignore[attr-defined]  # a Stream
        pieces.append(piece)
        given = b"".join(pieces).count(b'"kind":"work_order"')
        # A step's orders, and as many rows that say they have no ledger.
        read_ahead = max(read_ahead, fetched.documents - 2 * given)

    whole = json.loads(b"".join(pieces))
    assert {entity["id"] for entity in whole["entities"]} == {order["id"] for order in made}
    assert len(pieces) > 5_000 // STEP
    assert max(fetched.batches) <= STEP + 1
    assert read_ahead <= 3 * STEP
    assert not whole["more"]
