"""Hints of one class leave threads to those of another."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import redis
from pymongo.database import Database

from adapters.broker import hints
from adapters.broker.hints import HintBroker
from adapters.commands.document import TargetQueue
from adapters.process.clock import SystemClock
from locks.idempotency import KEYS_KEPT
from workers.worker import WorkerProcess


def test_a_backlog_of_one_class_leaves_a_thread_to_another(
    db: Database[Any], broker: HintBroker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = WorkerProcess(
        db.client,
        db.name,
        redis_url,
        clock=SystemClock(),
        chance=random.Random(1),
        end_process=os._exit,
        threads=1,
        keys_kept=KEYS_KEPT,
    )
    crowded, answered = threading.Event(), threading.Event()

    def drain(queue: str, _: Sequence[TargetQueue]) -> None:
        if queue == "interactive":
            answered.set()
        else:
            crowded.set()
            answered.wait(20)

    monkeypatch.setattr(process.pool, "drain", drain)
    process.start()
    try:
        hints.send(broker, "offline", [("t", "work_order:crowd")])
        assert crowded.wait(20)
        hints.send(broker, "interactive", [("t", "work_order:online")])

        assert answered.wait(10)
    finally:
        answered.set()
        process.stop()


def test_a_worker_of_one_class_leaves_the_others_hints_to_other_workers(
    db: Database[Any], broker: HintBroker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = WorkerProcess(
        db.client,
        db.name,
        redis_url,
        clock=SystemClock(),
        chance=random.Random(1),
        end_process=os._exit,
        queues=("bulk",),
        keys_kept=timedelta(days=90),
    )
    drained: list[str] = []
    answered = threading.Event()

    def drain(queue: str, _: Sequence[TargetQueue]) -> None:
        drained.append(queue)
        answered.set()

    monkeypatch.setattr(process.pool, "drain", drain)
    hints.send(broker, "interactive", [("t", "work_order:online")])
    hints.send(broker, "bulk", [("t", "work_order:row")])

    process.start()
    try:
        assert answered.wait(20)
    finally:
        process.stop()

    with redis.Redis.from_url(redis_url) as client:
        assert client.llen("millwright:interactive") == 1
    assert drained == ["bulk"]
