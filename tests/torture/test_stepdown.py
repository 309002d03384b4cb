"""Primaries that step down, and a primary without a majority: a 202 is what no election can undo."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from adapters.commands import acceptance as intake
from adapters.mongo import client as mongo
from adapters.mongo import indexes
from cli.embedded import servers as embedded
from cli.embedded.servers import Embedded
from tasks.catalogue import catalogue
from tests.support import seeds
from tests.support.drains import Drains
from tests.support.patience import InThread, eventually
from tests.support.processes import SCHEDULER, processes, uri_of
from tests.support.trio import Member, Trio, trio
from tests.torture.orders import TENANTS, Orders
from tests.torture.poster import Poster

DATABASE = "millwright"
PROGRESS_WITHIN_S = 60.0


@pytest.fixture
def alone(tmp_path: Path, redis_url: str) -> Iterator[Embedded]:
    """A store of one member, and of our own: a step-down hits whoever uses it."""
    (tmp_path / "alone").mkdir()
    with embedded.running(tmp_path / "alone", redis_url=redis_url) as running:
        yield running
        running.mongo.kill()


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Trio]:
    (tmp_path / "three").mkdir()
    with trio(tmp_path / "three") as made:
        yield made


def furnished(client: MongoClient[Any]) -> Database[Any]:
    db = client[DATABASE]
    indexes.create(db)
    db["users"].insert_many(seeds.user(tenant) for tenant in TENANTS)
    return db


def await_accepted(poster: Poster, posting: InThread, count: int) -> None:
    def is_so() -> bool:
        if not posting.is_alive():
            posting.result()
        return len(poster.accepted) >= count

    eventually(is_so, within_s=PROGRESS_WITHIN_S, what=f"{count} commands are accepted")


# -- a store of one ----------------------------------------------------------------------------------------


def test_a_primary_that_steps_down_while_commands_are_accepted_and_applied_undoes_no_202(
    alone: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "WRITE_DEADLINE", timedelta(seconds=0.25))
    with mongo.client(alone.mongo_uri) as client:
        orders, over = Orders(furnished(client), 10), threading.Event()
        drains = Drains(client, DATABASE, catalogue())
        uri = uri_of(alone.mongo_uri, DATABASE)
        poster = Poster(uri, alone.redis_url, lasts_s=0.5, chance=random.Random(7))
        applying = InThread(lambda: apply(orders, drains, over))
        posting = InThread(lambda: poster.post(orders.posts[:5]))
        for half in range(1, 3):
            await_accepted(poster, posting, half * 20)
            with stepped_down(alone.mongo_uri):
                pass
        posting.result()
        with stepped_down(alone.mongo_uri):
            posting = InThread(lambda: poster.post(orders.posts[5:]))
            eventually(lambda: poster.refused, within_s=20, what="what nobody can keep is no 202")
        posting.result()
        over.set()
        applying.result()
        drains.until_dry(orders.left)

        assert not orders.left
        orders.check_unhurt(poster.accepted)


@contextmanager
def stepped_down(mongo_uri: str) -> Iterator[None]:
    """Leads again, as the only candidate, when this is over."""
    with MongoClient[Any](mongo_uri.partition("?")[0], directConnection=True) as client:
        client.admin.command({"replSetStepDown": 60, "force": True})
        yield
        client.admin.command({"replSetFreeze": 0})
        eventually(lambda: client.admin.command("hello")["isWritablePrimary"], within_s=20)


def apply(orders: Orders, drains: Drains, over: threading.Event) -> None:
    """What is there, again and again."""
    executor = drains.executor()
    while not over.is_set():
        with suppress(PyMongoError):  # of our own question which lines there are
            if lines := orders.left:
                executor.drain(lines[:8])


# -- a store of three --------------------------------------------------------------------------------------


@pytest.mark.torture
def test_what_a_primary_without_a_majority_took_is_no_202_and_elections_lose_nothing(
    three: Trio, own_valkey: Embedded, tmp_path: Path
) -> None:
    with mongo.client(three.uri) as client:
        orders = Orders(furnished(client), 200)
        poster = Poster(
            uri_of(three.uri, DATABASE), own_valkey.redis_url, lasts_s=60, chance=random.Random(7)
        )
        with processes(client[DATABASE], three.uri, own_valkey.redis_url, tmp_path) as crew:
            for _ in range(2):
                crew.start(*SCHEDULER)
                crew.worker()
            posting = InThread(lambda: poster.post(orders.posts))
            for eighth in range(1, 5):  # of 2,000
                await_accepted(poster, posting, eighth * 250)
                three.primary().step_down()
            await_accepted(poster, posting, 1250)
            lone = leave_alone(three, poster)
            await_accepted(poster, posting, 1500)
            come_back(lone)
            posting.result(within_s=PROGRESS_WITHIN_S * 3)
            orders.await_final()
            assert not crew.ended()

        orders.check_unhurt(poster.accepted)


def leave_alone(three: Trio, poster: Poster) -> Member:
    """The primary loses both others, is asked by everybody, and dies with what it alone has heard."""
    lone = three.primary()
    others = [member for member in three.members if member is not lone]
    for member in others:  # stopped ones would find what was sent to them when they go on
        member.server.kill()
    marks = lone.admin[DATABASE].get_collection("marks", write_concern=WriteConcern(w=1))
    marks.insert_one({"heard_by": "nobody else"})
    # One write at a time: after a first refusal no answer to an earlier one can come.
    refused = poster.refused
    eventually(lambda: poster.refused > refused, within_s=PROGRESS_WITHIN_S, what="no majority, no 202")
    accepted, refused = len(poster.accepted), poster.refused
    eventually(
        lambda: poster.refused > refused + 100, within_s=PROGRESS_WITHIN_S, what="everybody asks again"
    )
    assert len(poster.accepted) == accepted
    lone.server.kill()
    for member in others:
        member.server.start()
    return lone


def come_back(lone: Member) -> None:
    """It has to forget what nobody else has heard."""
    lone.server.start()
    marks = lone.admin[DATABASE]["marks"]

    def follows() -> bool:
        with suppress(PyMongoError):  # while it undoes what it wrote it answers nobody
            return lone.says("secondary") and not marks.count_documents({})
        return False

    eventually(follows, within_s=PROGRESS_WITHIN_S, what="it has forgotten, and follows")
