"""What operators of the platform see and do about schedules and locks, by HTTP and from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType
from typing import Any

import httpx
import pytest
from pymongo.database import Database
from typer.testing import CliRunner

from adapters.process.clock import SystemClock
from adapters.schedules.fires import Fire, Fires
from adapters.settings.table import Settings
from cli.commands import locks, schedules
from cli.stop import Stop
from domain.identity.permissions import PLATFORM
from locks.lease import Lease, Leases
from schedules.table import table
from tests.api.people import People, Person, new_id

ROOT = "/api/operator"


@pytest.fixture
def millwright(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    for module in (schedules, locks):
        monkeypatch.setattr(module, "from_environment", lambda: settings)
    monkeypatch.setenv("COLUMNS", "300")
    return CliRunner()


@pytest.fixture
def platform(people: People) -> Person:
    return people.add(PLATFORM, tenant_id=PLATFORM)


@pytest.fixture
def lease(store: Database[Any]) -> Iterator[Lease]:
    """Somebody's, on the schedule `orders`."""
    leases = Leases(store["leases"], monotonic=SystemClock().monotonic, new_owner=new_id)
    held = leases.acquire("schedule:orders", ttl=timedelta(minutes=10))
    assert held is not None
    yield held
    leases.release(held)


async def test_every_schedule_says_what_fires_next_what_fired_and_who_holds_its_lock(
    web: httpx.AsyncClient, store: Database[Any], platform: Person, lease: Lease
) -> None:
    now = SystemClock().now().replace(microsecond=0)
    fires, fire = Fires(store), Fire(schedule="orders", slot=now)
    fires.begin(fire, lease, now=now)
    fires.end(fire, lease, commands=3, now=now)
    fires.fired(fire, commands=3, now=now)
    fires.passed("orders", last=now, over=2)

    listed = (await web.get(f"{ROOT}/schedules", headers=platform.auth)).json()["items"]
    (held,) = (
        lock
        for lock in (await web.get(f"{ROOT}/locks", headers=platform.auth)).json()["items"]
        if lock["name"] == "schedule:orders"
    )

    assert [one["name"] for one in listed] == list(table())
    (orders,) = (one for one in listed if one["name"] == "orders")
    assert orders["next_slot"] > orders["last_slot"]
    assert (orders["last_commands"], orders["passed_over"]) == (3, 2)
    assert [(one["state"], one["commands"]) for one in orders["fires"]] == [("done", 3)]
    assert orders["lease"] == held
    assert (held["held"], held["token"], held["owner"]) == (True, lease.token, lease.owner)


async def test_pausing_resuming_and_running_need_a_reason_and_leave_it_in_the_audit_trail(
    web: httpx.AsyncClient, store: Database[Any], platform: Person
) -> None:
    async def act(what: str, reason: str) -> tuple[int, Any]:
        answer = await web.post(
            f"{ROOT}/schedules/plans/{what}", headers=platform.auth, json={"reason": reason}
        )
        return answer.status_code, answer.json()

    assert (await act("pause", ""))[0] == 422
    paused = await act("pause", "stocktaking")
    again, run_paused = await act("pause", "again"), await act("run", "now")
    resumed, run = await act("resume", "all is counted"), await act("run", "now")

    assert (paused[0], paused[1]["paused"]["reason"]) == (200, "stocktaking")
    assert [(code, told["code"]) for code, told in (again, run_paused)] == [(409, "not_now")] * 2
    assert (resumed[0], resumed[1]["paused"]) == (200, None)
    assert (run[0], [one["by"] for one in run[1]["requests"]]) == (200, [platform.id])
    audited = (await web.get(f"{ROOT}/audit", headers=platform.auth)).json()["items"]
    mine = [(one["act"], one["reason"]) for one in audited if one["actor"]["user_id"] == platform.id]
    assert mine == [
        ("schedule.run", "now"),
        ("schedule.resume", "all is counted"),
        ("schedule.pause", "stocktaking"),
    ]
    store["schedules"].update_one({"_id": "plans"}, {"$unset": {"requests": 1}})


async def test_a_released_lock_lets_the_next_one_in_and_its_holder_changes_nothing_more(
    web: httpx.AsyncClient, store: Database[Any], platform: Person, lease: Lease
) -> None:
    leases = Leases(store["leases"], monotonic=SystemClock().monotonic, new_owner=new_id)
    path = f"{ROOT}/locks/schedule:orders/release"

    released = await web.post(path, headers=platform.auth, json={"reason": "its pod is gone"})
    unknown = await web.post(f"{ROOT}/locks/none/release", headers=platform.auth, json={"reason": "x"})

    assert (released.status_code, released.json()["held"], unknown.status_code) == (200, False, 404)
    assert leases.extend(lease) is None
    next_one = leases.acquire("schedule:orders", ttl=timedelta(minutes=1))
    assert next_one is not None
    assert next_one.token == lease.token + 1
    leases.release(next_one)


@pytest.mark.parametrize("written", ["import:t1/history", "import:t1%2Fhistory"])
async def test_every_lock_that_is_listed_can_be_released_also_one_with_a_slash_in_its_name(
    web: httpx.AsyncClient, store: Database[Any], platform: Person, written: str
) -> None:
    leases = Leases(store["leases"], monotonic=SystemClock().monotonic, new_owner=new_id)
    held = leases.acquire("import:t1/history", ttl=timedelta(minutes=1))

    released = await web.post(
        f"{ROOT}/locks/{written}/release", headers=platform.auth, json={"reason": "its pod is gone"}
    )

    assert held is not None
    assert (released.status_code, released.json()["held"]) == (200, False)
    assert leases.extend(held) is None


async def test_an_act_that_there_is_none_of_is_named(web: httpx.AsyncClient, platform: Person) -> None:
    answer = await web.post(
        f"{ROOT}/schedules/plans/stop", headers=platform.auth, json={"reason": "stocktaking"}
    )

    assert (answer.status_code, answer.json()["detail"]) == (404, "there is no act stop")


async def test_no_role_of_a_tenant_sees_or_touches_schedules_and_locks(
    web: httpx.AsyncClient, people: People
) -> None:
    admin = people.add("admin")
    reason = {"reason": "curious"}

    answers = [
        await web.get(f"{ROOT}/schedules", headers=admin.auth),
        await web.get(f"{ROOT}/locks", headers=admin.auth),
        await web.post(f"{ROOT}/schedules/plans/pause", headers=admin.auth, json=reason),
        await web.post(f"{ROOT}/locks/scheduler/release", headers=admin.auth, json=reason),
    ]

    assert [answer.status_code for answer in answers] == [403] * 4


def test_the_command_line_shows_and_does_the_same(
    millwright: CliRunner, store: Database[Any], lease: Lease
) -> None:
    def say(module: ModuleType, *arguments: str) -> str:
        done = millwright.invoke(module.app, arguments)
        assert done.exit_code == 0, done.output
        return done.output

    rows = {row["schedule"]: row for row in json.loads(say(schedules, "list", "--json"))}
    assert rows["orders"]["token"] == lease.token
    say(schedules, "pause", "calendars", "--reason", "stocktaking")
    assert "stocktaking" in say(schedules, "list")
    say(schedules, "resume", "calendars", "--reason", "done")
    say(schedules, "run", "calendars", "--reason", "now")
    assert "nothing lately" in say(schedules, "fires", "calendars")
    assert lease.owner in say(locks, "list")
    say(locks, "release", "schedule:orders", "--reason", "its pod is gone")

    acts = store["operator_actions"].find({"tenant_id": PLATFORM, "actor.via": "cli"}).sort("_id", 1)
    assert [(act["act"], act["reason"]) for act in acts] == [
        ("schedule.pause", "stocktaking"),
        ("schedule.resume", "done"),
        ("schedule.run", "now"),
        ("lock.release", "its pod is gone"),
    ]
    store["schedules"].update_one({"_id": "calendars"}, {"$unset": {"requests": 1}})


@pytest.mark.parametrize(
    ("module", "arguments", "line"),
    [
        (schedules, ["pause", "none", "--reason", "x"], "There is no schedule none"),
        (schedules, ["resume", "plans", "--reason", "x"], "Nothing was done"),
        (schedules, ["pause", "plans", "--reason", " "], "A reason is needed"),
        (locks, ["release", "none", "--reason", "x"], "There is no lock none."),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    millwright: CliRunner, module: ModuleType, arguments: list[str], line: str
) -> None:
    done = millwright.invoke(module.app, arguments)

    assert isinstance(done.exception, Stop)
    assert line in str(done.exception)
