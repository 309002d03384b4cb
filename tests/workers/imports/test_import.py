"""Files through a real worker to closed orders."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from pymongo.database import Database
from rich.console import Console

from adapters.commands.document import RUNNABLE
from adapters.imports import store as imports
from adapters.imports.report import Counts
from adapters.process.clock import SystemClock
from adapters.process.metrics import Metrics
from cli.demo import history
from cli.import_screen import summary
from domain.importing.table import BadFile
from tasks.catalogue import catalogue
from tests.support.patience import eventually
from tests.support.seeds import new_id, user
from tests.support.working import a_worker
from tests.workers.imports.conftest import COLUMNS, TENANT, Imports
from workers.imports import run as import_run
from workers.imports.claim import MOST_FAILURES
from workers.imports.importer import MOST_SENDING, Importer

HEAD = "No,Text,Machine,Day,Cost\n"
THREE = (
    HEAD + "1,weld bucket,A,2004-07-01,10.50\n2,grease pins,A,2004-07-02,0\n3,swap pump,B,2004-07-03,-2.25\n"
)
KEYED = msgspec.structs.replace(COLUMNS, key_column="No")


MALFORMED = b"2003-12-31,B,won,t swing,PM01"


def excavators(every: int) -> list[bytes]:
    """The header, one line in so many, and the malformed one."""
    lines = history.FILE.read_bytes().splitlines(keepends=True)
    return [line for n, line in enumerate(lines) if n % every == 0 or line.startswith(MALFORMED)]


# All of them land in the README, too.
@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.torture)])
def test_the_excavators_land_but_for_one_malformed_row_and_a_second_import_changes_nothing(
    files: Imports, store: Database[Any], every: int
) -> None:
    lines = excavators(every)
    text, rows = b"".join(lines), len(lines) - 1
    good = [row for row in csv.reader(text.decode().splitlines()[1:]) if row[3] != "t swing"]

    first = files.make(text, history.MAPPING, name=history.NAME)
    ended = files.ended(first, within_s=120)

    assert ended.state == "done"
    assert msgspec.structs.replace(ended.counts, commands={}) == Counts(rows=rows, new=rows - 1, refused=1)
    (refused,) = files.refused(first)
    assert lines[refused["line"] - 1].startswith(MALFORMED)
    assert {reason["column"] for reason in refused["reasons"]} == {"PMType", "Cost"}
    totals = list(
        store.work_orders.aggregate(
            [{"$group": {"_id": "$status", "orders": {"$sum": 1}, "cost": {"$sum": "$cost_total"}}}]
        )
    )
    assert totals == [{"_id": "closed", "orders": rows - 1, "cost": sum(Decimal(row[4]) for row in good)}]
    assert sorted(store.assets.distinct("name")) == ["A", "B", "C", "D", "E"]

    commands = store.commands.count_documents({})
    corrected = text.replace(MALFORMED, b"2003-12-31,B,won't swing,PM01,12.50")
    assert corrected != text
    again = files.ended(files.make(text, history.MAPPING, name=history.NAME))
    assert again.counts.known == rows - 1
    assert store.commands.count_documents({}) == commands
    mended = files.ended(files.make(corrected, history.MAPPING, name=history.NAME))

    assert (mended.counts.new, mended.counts.known, mended.counts.refused) == (1, rows - 1, 0)
    assert store.work_orders.count_documents({}) == rows
    assert store.commands.count_documents({}) == commands + 5


@pytest.mark.usefixtures("worker")
def test_history_is_dated_as_the_rows_are(files: Imports) -> None:
    files.ended(files.make(THREE))

    grease, swap, weld = files.orders()
    assert [order["status"] for order in (grease, swap, weld)] == ["closed"] * 3
    assert weld["created_at"].isoformat() == weld["closed_at"].isoformat() == "2004-07-01T00:00:00+00:00"
    assert [order["cost_total"] for order in (grease, swap, weld)] == [0, Decimal("-2.25"), Decimal("10.50")]
    assert weld["asset_id"] == grease["asset_id"] != swap["asset_id"]


@pytest.mark.usefixtures("worker")
def test_a_known_asset_is_used_by_its_name(files: Imports, store: Database[Any]) -> None:
    files.ended(files.make(THREE, name="first"))
    files.ended(files.make(HEAD + "9,paint,B,2010-01-01,1\n", name="second"))

    paint = next(order for order in files.orders() if order["title"] == "paint")
    swap = next(order for order in files.orders() if order["title"] == "swap pump")
    assert paint["asset_id"] == swap["asset_id"]
    assert store.assets.count_documents({}) == 2


@pytest.mark.usefixtures("worker")
def test_a_dry_run_reports_and_writes_no_command(files: Imports, store: Database[Any]) -> None:
    ended = files.ended(id := files.make(THREE + "4,bad,A,soon,1\n", dry_run=True))

    assert (ended.counts.new, ended.counts.refused) == (3, 1)
    assert [row["line"] for row in files.refused(id)] == [5]
    assert store.commands.count_documents({}) == 0
    assert store.import_keys.count_documents({}) == 0


@pytest.mark.usefixtures("worker")
def test_a_changed_row_updates_what_can_be_updated_and_tells_the_rest(files: Imports) -> None:
    still_open = msgspec.structs.replace(KEYED, status="requested")
    files.ended(files.make(THREE, still_open))

    changed = THREE.replace("weld bucket", "weld boom").replace(
        "pump,B,2004-07-03,-2.25", "pump,B,2004-07-03,7"
    )
    ended = files.ended(id := files.make(changed, still_open))

    assert (ended.counts.changed, ended.counts.known) == (2, 1)
    assert ended.counts.commands == {"applied": 1}
    assert [(row["line"], row["reasons"][0]["code"]) for row in files.rows(id)] == [
        (2, "updated"),
        (4, "not_carried_over"),
    ]
    assert [order["title"] for order in files.orders()] == ["grease pins", "swap pump", "weld boom"]
    assert files.orders()[1]["cost_total"] == Decimal("-2.25")


@pytest.mark.usefixtures("worker")
def test_a_row_may_change_to_and_fro(files: Imports) -> None:
    still_open = msgspec.structs.replace(KEYED, status="requested")
    other = THREE.replace("weld bucket", "weld boom")
    for text, title in [
        (THREE, "weld bucket"),
        (other, "weld boom"),
        (THREE, "weld bucket"),
        (other, "weld boom"),
    ]:
        files.ended(files.make(text, still_open))

        assert title in [order["title"] for order in files.orders()]


@pytest.mark.usefixtures("worker")
def test_commands_that_are_refused_are_told_of_their_row_and_tried_again_by_the_next_import(
    files: Imports, store: Database[Any]
) -> None:
    store.users.insert_one(user(TENANT, roles=("planner",), id="u2"))

    ended = files.ended(id := files.make(THREE, user_id="u2"))

    assert ended.state == "done"
    assert ended.counts.missed_rows == 3
    assert [row["line"] for row in files.refused(id)] == [2, 3, 4]
    assert {reason["code"] for reason in files.refused(id)[0]["reasons"]} == {"forbidden"}
    assert {order["status"] for order in files.orders()} == {"requested"}

    ended = files.ended(files.make(THREE))

    assert (ended.counts.again, ended.counts.missed_rows) == (3, 0)
    assert {order["status"] for order in files.orders()} == {"closed"}
    assert [order["cost_total"] for order in files.orders()] == [0, Decimal("-2.25"), Decimal("10.50")]
    commands = store.commands.count_documents({})
    assert files.ended(files.make(THREE)).counts.known == 3
    assert store.commands.count_documents({}) == commands


def test_an_import_never_has_more_on_its_way_than_its_bound(
    files: Imports, store: Database[Any], redis_url: str
) -> None:
    """No worker drains: the importer alone must stop."""
    text = HEAD + "".join(f"{n},row {n},A,2004-07-01,1\n" for n in range(700))
    with a_worker(store, redis_url) as process:
        # Nothing is applied: the hints go nowhere, and there is no relay.
        process.importer._send = lambda _queue, _lines: None
        id = files.make(text)
        eventually(lambda: files.found(id)["cursor"] >= 300, within_s=20)
        stuck = files.found(id)["cursor"]
        active = store.commands.count_documents({"import.id": id, "state": {"$in": list(RUNNABLE)}})
        assert active <= 2_000
        # It looks every 50 ms; by the second look of another import it has had the time.
        files.ended(files.make(THREE, name="other", dry_run=True))
        assert files.found(id)["cursor"] == stuck

        assert imports.cancel(store, TENANT, id, at=files.found(id)["created_at"])

        files.ended(files.make(THREE, name="history", dry_run=True))
    assert files.found(id)["state"] == "cancelled"


@pytest.mark.usefixtures("worker")
def test_two_imports_of_one_name_do_the_rows_once(files: Imports, store: Database[Any]) -> None:
    text = HEAD + "".join(f"{n},row {n},A,2004-07-01,1\n" for n in range(250))

    ids = [files.make(text), files.make(text)]
    counts = [files.ended(id).counts for id in ids]

    assert sorted((count.new, count.known) for count in counts) == [(0, 250), (250, 0)]
    assert store.work_orders.count_documents({}) == 250


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"a,b\n1,2\n", "missing_columns"),
        (HEAD.encode() + b"1,\xff\xfe,A,2004-07-01,1\n", "not_utf8"),
    ],
)
def test_an_unusable_file_is_refused_and_nothing_of_it_is_kept(
    files: Imports, store: Database[Any], data: bytes, code: str
) -> None:
    with pytest.raises(BadFile) as refused:
        files.make(data)

    assert refused.value.code == code
    assert store["import_files.chunks"].count_documents({}) == 0
    assert store.imports.count_documents({}) == 0


def an_importer(store: Database[Any], *, worker: str = "w1", **more: Any) -> Importer:
    return Importer(
        store,
        catalogue(),
        send=lambda _queue, _lines: None,
        now=SystemClock().now,
        new_id=new_id,
        monotonic=SystemClock().monotonic,
        metrics=more.pop("metrics", Metrics()),
        worker=worker,
        **more,
    )


def test_a_fault_of_ours_ends_the_import_instead_of_trying_for_ever(
    files: Imports, store: Database[Any]
) -> None:
    id = files.make(THREE)
    store.imports.update_one({"_id": id}, {"$set": {"mapping": "{}"}})
    importer = an_importer(store)

    for _ in range(MOST_FAILURES):
        importer.tick()

    assert files.found(id)["state"] == "failed"
    assert files.found(id)["error"]["code"] == "internal_error"


def test_an_import_that_ends_every_process_that_takes_it_up_is_given_up(
    files: Imports, store: Database[Any]
) -> None:
    id = files.make(THREE)
    # Their marks are all that killed processes leave.
    marks = [f"killed-{n}" for n in range(MOST_FAILURES)]
    store.imports.update_one({"_id": id}, {"$set": {"tried_by": marks[1:]}})
    careful = an_importer(store, most_active=0)
    careful.tick()
    assert files.found(id)["state"] == "running"

    id = files.make(THREE, name="deadly")
    store.imports.update_one({"_id": id}, {"$set": {"tried_by": marks}})
    careful.tick()
    careful.stop()

    assert files.found(id)["error"]["code"] == "internal_error"


def test_a_process_that_leaves_alive_takes_its_mark_off_and_a_row_wipes_them_all(
    files: Imports, store: Database[Any]
) -> None:
    id = files.make(THREE)
    store.commands.insert_one({"tenant_id": TENANT, "import": {"id": id}, "state": "parked"})
    full = an_importer(store, most_active=1)
    full.tick()
    assert files.found(id)["tried_by"] == ["w1"]
    assert files.found(id)["cursor"] == 0, "what is parked counts as on its way"

    full.stop()

    assert files.found(id)["tried_by"] == []
    store.imports.update_one({"_id": id}, {"$set": {"tried_by": ["killed"]}})
    free = an_importer(store, worker="w2")
    free.tick()
    free.stop()
    assert (files.found(id)["cursor"], files.found(id)["tried_by"]) == (3, [])


def test_reading_up_to_the_cursor_may_take_longer_than_the_lease(
    files: Imports, store: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    id = files.make(THREE)
    read = import_run.Run._judge
    lease = {"_id": f"import:{TENANT}/history"}

    def slowly(run: import_run.Run) -> Any:
        """Two extensions long."""
        for _ in range(2):
            before = store.leases.find_one(lease)
            eventually(lambda was=before: store.leases.find_one(lease) != was, within_s=5)  # type: ignore[misc]
        return read(run)

    monkeypatch.setattr(import_run.Run, "_judge", slowly)
    importer = an_importer(store, lease_ttl=timedelta(milliseconds=400))

    importer.tick()

    assert files.found(id)["cursor"] == 3
    importer.stop()


def test_the_screen_shows_what_a_cell_says_whatever_that_is(files: Imports, store: Database[Any]) -> None:
    columns = KEYED.columns | {"created_at": "Day [/mm]"}
    odd = THREE.replace("Day", "Day [/mm]").replace("2004-07-02", "[/red] pump [bold]")
    id = files.make(odd, msgspec.structs.replace(KEYED, columns=columns), dry_run=True)
    importer = an_importer(store)
    for _ in range(3):
        importer.tick()
    importer.stop()
    out = io.StringIO()

    summary(files.ended(id), files.rows(id), Console(file=out, width=200))

    assert "[/red] pump [bold]" in out.getvalue()
    assert "Day [/mm]" in out.getvalue()


class Killed(BaseException):
    """What no handler of ours catches."""


def test_a_changed_row_is_told_though_its_worker_was_killed_when_it_had_just_sent_it(
    files: Imports, store: Database[Any], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_worker(store, redis_url):
        files.ended(files.make(THREE, KEYED))
    id = files.make(THREE.replace("grease pins,A,2004-07-02,0", "grease pins,A,2004-07-02,7"), KEYED)
    doomed, send = an_importer(store), import_run.Run._send

    def killed(run: import_run.Run, plan: Any) -> None:
        send(run, plan)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(import_run.Run, "_send", killed)
        with pytest.raises(Killed):
            doomed.tick()
    doomed.stop()
    successor = an_importer(store, worker="w2")
    successor.tick()
    successor.stop()

    assert files.found(id)["counts"]["changed"] == 1
    assert [(row["line"], row["outcome"]) for row in files.rows(id)] == [(3, "changed")]


def test_many_imports_of_one_tenant_take_turns_and_another_tenants_does_not_wait_for_them(
    files: Imports, store: Database[Any]
) -> None:
    ids = [files.make(THREE, name=f"file {n}") for n in range(MOST_SENDING + 1)]
    other = files.make(THREE, name="other")
    store.imports.update_one({"_id": other}, {"$set": {"tenant_id": "other"}})
    importer = an_importer(store)

    importer.tick()

    states = [store.imports.find_one({"_id": id})["state"] for id in [*ids, other]]  # type: ignore[index]
    assert states == ["running"] * MOST_SENDING + ["pending", "running"]
    importer.stop()


def test_an_importer_counts_what_it_makes_durable_and_no_repeat(files: Imports, store: Database[Any]) -> None:
    metrics = Metrics()
    id = files.make(THREE)
    importer = an_importer(store, metrics=metrics)
    importer.tick()
    importer.stop()
    store.imports.update_one({"_id": id}, {"$set": {"cursor": 0, "counts": imports.NO_COUNTS}})
    store.import_keys.delete_many({})

    again = an_importer(store, metrics=metrics)
    again.tick()
    again.stop()

    told = metrics.registry.get_sample_value("commands_accepted_total", {"type": "work_order.create"})
    assert told == store.commands.count_documents({"type": "work_order.create"}) == 3
