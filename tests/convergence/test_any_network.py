"""Whatever the network does and in whatever order people act: each action has one verdict, the same on both
sides, and the books are what the receipts say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from pymongo.database import Database

from adapters.settings.table import Settings
from bench.device.outbox import PENDING, Row
from tests.convergence.conftest import Sender
from tests.convergence.field import Field, Phone, acted
from tests.convergence.hostile import FATES
from tests.convergence.truth import Truth
from tests.support.drains import Drains

APPENDS = ("labor", "comment", "use")
GUARDED = ("start", "hold", "resume", "complete", "answer", "title", "create")
OFFICE = ("start", "hold", "resume", "complete", "answer", "title", "cancel", "labor")
NETWORK = ("sync", "sync", "sync", "sync", "drain", "drain", "look", "dies")
OWN = ("discard", "take_server", "send_to_planner", "reapply")

STEPS = st.lists(
    st.tuples(
        st.sampled_from([*APPENDS, *GUARDED, *GUARDED, *NETWORK, *OWN, "office", "office", "office"]),
        st.integers(0, 3),
        st.integers(0, 59),
    ),
    min_size=40,
    max_size=100,
)


def run(field: Field, step: tuple[str, int, int]) -> None:
    what, who, n = step
    phone = field.phones[who]
    order = field.orders[n % 2]
    match what:
        case "sync":
            phone.sync(FATES[n % len(FATES)])
        case "drain":
            field.drain()
        case "look":
            field.looks(phone)
        case "dies":
            phone.dies_and_starts_again()
        case "office":
            type, payload = acted(field, OFFICE[n % len(OFFICE)], n // 2)
            field.office(type, payload | {"work_order_id": order})
        case _:
            use(field, phone, what, n)


def use(field: Field, phone: Phone, what: str, n: int) -> None:
    """What a user does at the device."""
    match what:
        case "discard" if waiting := [row for row in phone.client.outbox.all() if row.state == PENDING]:
            phone.client.discard(waiting[n % len(waiting)].id)
        case "take_server" | "send_to_planner" if row := conflict(phone, n):
            phone.client.decide(row.id, what)
        case "reapply" if row := conflict(phone, n):
            field.looks(phone)
            phone.client.reapply(row.id, base_version=phone.seen[row.lane.partition(":")[2]])
        case "create":
            phone.does(*named(acted(field, what, n), field.own[n % 3]))
        case _ if what not in OWN:
            wanted = [*field.orders, *field.orders, field.own[n % 3]][n % 5]
            phone.does(*named(acted(field, what, n), wanted))


def named(said: tuple[str, dict[str, Any]], order: str) -> tuple[str, str, dict[str, Any]]:
    type, payload = said
    return type, order, payload


def conflict(phone: Phone, n: int) -> Row | None:
    """One that its device has heard of, decided before or not."""
    conflicts = [row for row in phone.client.outbox.all() if row.state == "conflict"]
    return conflicts[n % len(conflicts)] if conflicts else None


def converge(field: Field, steps: list[tuple[str, int, int]]) -> None:
    for step in steps:
        run(field, step)
    field.calm_down()

    devices = {phone.outbox_name: phone.client.outbox.all() for phone in field.phones}
    Truth(field.store, field.seed.tenant_id).check(devices)
    for phone in field.phones:
        phone.client.outbox.close()


BOUNDED = bounded(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
AT_LENGTH = bounded(BOUNDED, max_examples=200)


@BOUNDED
@given(steps=STEPS)
def test_devices_and_server_agree_after_any_network(
    store: Database[Any], settings: Settings, drains: Drains, sender: Sender, tmp_path: Path, steps: Any
) -> None:
    converge(Field(store, settings, drains, sender, tmp_path), steps)


@pytest.mark.torture
@AT_LENGTH
@given(steps=STEPS)
def test_devices_and_server_agree_after_any_network_at_length(
    store: Database[Any], settings: Settings, drains: Drains, sender: Sender, tmp_path: Path, steps: Any
) -> None:
    converge(Field(store, settings, drains, sender, tmp_path), steps)
