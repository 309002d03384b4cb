"""Every ratio can be measured, and the rivals write what our workers write."""

from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any, get_args

import bson
import msgspec
import pytest
from pymongo.database import Database

from adapters.mongo.client import CODEC
from bench import apply, bare_loop, orders, ratios, run, sizes, table
from bench.ground import Ground, prepared
from bench.load import response_length
from bench.ratios import RATIOS, Name, Ratio, Result, Sample

Document = dict[str, Any]

WRITTEN = ("commands", "work_orders", "entries", "events")


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with prepared() as made:
        yield made


def test_every_ratio_has_its_name() -> None:
    assert set(get_args(Name)) == {ratio.name for ratio in RATIOS}


@pytest.mark.parametrize(
    "only",
    [
        # Most of a tiny run is starting processes: of each kind one, and all of them under torture.
        pytest.param(
            (
                "accept_vs_bare",
                "apply_vs_bare_loop",
                "idle_latency",
                "plans_tick_growth",
                "offline_vs_online",
            ),
            id="one of each kind",
        ),
        pytest.param(get_args(Name), id="all", marks=pytest.mark.torture),
    ],
)
def test_a_tiny_run_measures_what_is_asked_and_keeps_it_in_the_documented_shape(
    ground: Ground, tmp_path: Path, only: tuple[Name, ...]
) -> None:
    said: list[str] = []

    results = run.measure(ground, sizes.TINY, rounds=1, only=only, report=said.append)
    ratios.keep(tmp_path / "bench.json", results)

    kept = msgspec.json.decode((tmp_path / "bench.json").read_bytes())
    assert set(kept) == set(only)
    for found in kept.values():
        assert set(found) == {"ours", "rival", "ratio", "unit", "n", "runs"}
        assert found["ours"] > 0
        assert found["rival"] > 0
        assert found["n"] > 0
        assert all(len(rounds) == 1 for rounds in found["runs"].values())
    assert table.table(results).row_count == len(only)
    assert said


def test_a_rival_written_by_hand_writes_what_a_worker_writes(ground: Ground) -> None:
    with ground.database() as db, ground.database() as by_hand:
        with apply.workers(ground, db, 1) as processes:
            lines = orders.accept(db.commands, 4, orders.PER_TARGET)
            apply.hint(ground, lines)
            apply.await_applied(db, 4 * orders.PER_TARGET, processes)
        targets = [target for _, target in orders.accept(by_hand.commands, 4, orders.PER_TARGET)]

        bare_loop.drain(by_hand, [target.partition(":")[2] for target in targets], batch=64)

        for collection in WRITTEN:
            ours, theirs = _of(db, collection), _of(by_hand, collection)
            assert len(ours) == len(theirs)
            assert {frozenset(row) for row in ours} == {frozenset(row) for row in theirs}
            assert _size(theirs) == pytest.approx(_size(ours), rel=0.02)


def test_documents_are_as_large_as_real_ones(ground: Ground) -> None:
    with ground.database() as db:
        lines = orders.accept(db.commands, 4, orders.PER_TARGET)
        commands = _of(db, "commands")
        bare_loop.drain(db, [target.partition(":")[2] for _, target in lines], batch=64)

        assert 500 < _size(commands) < 1_000
        assert 1_300 < _size(_of(db, "work_orders")) < 2_300


def test_a_ratio_is_that_of_the_medians() -> None:
    ratio = Ratio(name="hot_target", group="growth", ours="a", rival="b", unit="commands/s", least=0.5)
    samples = {
        "a": [Sample(value, {"n": 7}) for value in (10, 90, 20)],
        "b": [Sample(value, {"n": 9}) for value in (40, 1, 99)],
    }

    found = ratios.result(ratio, samples)

    runs: dict[str, list[float]] = {"a": [10, 90, 20], "b": [40, 1, 99]}
    assert found == Result(ours=20, rival=40, ratio=0.5, unit="commands/s", n=7, runs=runs)
    assert ratios.reached(ratio, found)


def test_a_run_of_some_ratios_keeps_what_was_measured_before_of_the_others(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    one = Result(ours=1, rival=2, ratio=0.5, unit="ms", n=1, runs={})
    two = Result(ours=2, rival=2, ratio=1, unit="ms", n=1, runs={})
    ratios.keep(file, {"hot_target": one, "idle_latency": one})

    ratios.keep(file, {"idle_latency": two})

    kept = msgspec.json.decode(file.read_bytes(), type=dict[str, Result])
    assert kept == {"hot_target": one, "idle_latency": two}


def test_the_load_generator_knows_when_an_answer_is_whole() -> None:
    head = b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\nx-request-id: 1\r\n\r\n"

    assert response_length(head[:-2]) is None
    assert response_length(head) == len(head) + 5
    assert response_length(head + b"hello") == len(head) + 5


def _of(db: Database[Document], collection: str) -> list[Document]:
    rows = db.get_collection(collection, codec_options=CODEC)
    return list(rows.find({"tenant_id": orders.TENANT}))


def _size(rows: list[Document]) -> float:
    return mean(len(bson.encode(row, codec_options=CODEC)) for row in rows)
