"""Parts: stock is what the ledger adds up to."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.assets.part import Part, StockMovement
from domain.errors import Missing, Rejected
from domain.identity.actor import Actor
from tasks.command import Payload
from tasks.part.adjust import Adjust, adjust
from tasks.part.create import Create, create
from tasks.part.issue import Issue, issue
from tasks.part.receive import Receive, receive
from tasks.part.restock import Restock, restock
from tasks.work import Work
from tests.tasks.fake_work import NOON, FakeWork, World, ident

PLANNER = Actor(tenant_id="demo", user_id="planner")
SYSTEM = Actor(tenant_id="demo", user_id=None)
BOLT, ORDER, ROW = ident(1), ident(2), ident(3)

HANDLERS: dict[type[Payload], Callable[[Any, Work], None]] = {
    Receive: receive,
    Adjust: adjust,
    Issue: issue,
    Restock: restock,
}


def store(*, unit_cost: str | None = None, currency: str | None = None) -> World:
    world = World()
    cmd = Create(id=BOLT, name="Bolt", unit="pcs", unit_cost=unit_cost, currency=currency)
    world.run(create, cmd, actor=PLANNER)
    return world


def apply(world: World, cmd: Payload) -> FakeWork:
    actor = SYSTEM if isinstance(cmd, Issue | Restock) else PLANNER
    return world.run(HANDLERS[type(cmd)], cmd, actor=actor)


def movements(world: World) -> list[StockMovement]:
    return [row for row in world.ledger(world.get(Part, BOLT)) if isinstance(row, StockMovement)]


plain = st.decimals(Decimal("0.0001"), Decimal(999_999), places=4).map(str)
numbers = st.integers(1, 999_999) | st.floats(0.001, 9999, allow_nan=False).map(
    lambda number: round(number, 4)
)
quantities = plain | numbers
signed = quantities | plain.map("-{}".format)
commands = st.one_of(
    st.builds(Receive, part_id=st.just(BOLT), quantity=quantities),
    st.builds(Adjust, part_id=st.just(BOLT), quantity=signed, reason=st.just("count")),
    st.builds(
        Issue, part_id=st.just(BOLT), quantity=quantities, work_order_id=st.just(ORDER), entry_id=st.just(ROW)
    ),
    st.builds(
        Restock,
        part_id=st.just(BOLT),
        quantity=quantities,
        work_order_id=st.just(ORDER),
        entry_id=st.just(ROW),
    ),
)


@given(st.lists(commands, max_size=12))
def test_stock_is_the_sum_of_its_movements(cmds: list[Payload]) -> None:
    world = store()

    for cmd in cmds:
        apply(world, cmd)
        assert world.get(Part, BOLT).stock == sum(row.quantity for row in movements(world))

    assert len(movements(world)) == len(cmds)


@given(st.lists(commands, max_size=12))
def test_whoever_takes_more_than_there_is_hears_of_it(cmds: list[Payload]) -> None:
    world = store()

    for cmd in cmds:
        before = world.get(Part, BOLT).stock
        done = apply(world, cmd)
        after = world.get(Part, BOLT).stock
        taken_below_zero = after < before and after < 0
        assert [code for code, _, _ in done.warnings] == ["stock_negative"] * taken_below_zero


def test_a_part_begins_with_nothing_in_stock() -> None:
    world = store(unit_cost="1.25", currency="EUR")

    bolt = world.get(Part, BOLT)
    assert (bolt.name, bolt.unit, bolt.unit_cost, bolt.currency) == ("Bolt", "pcs", Decimal("1.25"), "EUR")
    assert bolt.stock == 0
    assert bolt.created_at == NOON


def test_an_id_is_taken_once() -> None:
    with pytest.raises(Rejected, match="there is a part") as refused:
        store().run(create, Create(id=BOLT, name="Nut", unit="pcs"), actor=PLANNER)

    assert refused.value.code == "already_exists"


def test_a_price_needs_a_currency() -> None:
    with pytest.raises(Rejected) as refused:
        store(unit_cost="1.25")

    assert (refused.value.code, refused.value.path) == ("currency_missing", "currency")


def test_the_last_price_paid_is_the_parts_price() -> None:
    world = store(unit_cost="1.25", currency="EUR")

    apply(world, Receive(part_id=BOLT, quantity=10, unit_cost="1.50"))
    apply(world, Receive(part_id=BOLT, quantity="2.5"))

    bolt = world.get(Part, BOLT)
    assert (bolt.stock, bolt.unit_cost, bolt.currency) == (Decimal("12.5"), Decimal("1.50"), "EUR")
    assert [row.unit_cost for row in movements(world)] == [Decimal("1.50"), None]


def test_a_first_price_may_bring_its_currency_and_a_later_one_keeps_to_it() -> None:
    world = store()
    apply(world, Receive(part_id=BOLT, quantity=1, unit_cost="2", currency="EUR"))

    with pytest.raises(Rejected) as refused:
        apply(world, Receive(part_id=BOLT, quantity=1, unit_cost="2", currency="USD"))

    assert refused.value.code == "currency_mismatch"
    assert world.get(Part, BOLT).stock == 1


def test_an_adjustment_is_signed_and_keeps_its_reason() -> None:
    world = store()

    done = apply(world, Adjust(part_id=BOLT, quantity="-2", reason="lost"))

    [row] = movements(world)
    assert (row.movement, row.quantity, row.reason, row.by) == ("adjusted", Decimal(-2), "lost", "planner")
    assert done.events == [
        ("part.adjusted", {"entry_id": row.id, "quantity": "-2", "stock": "-2", "reason": "lost"})
    ]


@pytest.mark.parametrize("nothing", [0, 0.0, -0.0, 0.00001, -0.00001])
def test_a_movement_of_nothing_is_refused(nothing: float) -> None:
    with pytest.raises(Rejected) as refused:
        apply(store(), Adjust(part_id=BOLT, quantity=nothing, reason="count"))

    assert (refused.value.code, refused.value.path) == ("quantity_zero", "quantity")


def test_an_order_takes_what_it_used_below_zero_too_and_can_give_it_back() -> None:
    world = store()

    done = apply(world, Issue(part_id=BOLT, quantity="3", work_order_id=ORDER, entry_id=ROW))
    assert done.warnings == [
        ("stock_negative", "stock of Bolt is -3 pcs", {"part_id": BOLT, "quantity": "-3"}),
    ]
    apply(world, Restock(part_id=BOLT, quantity="3", work_order_id=ORDER, entry_id=ROW))

    assert world.get(Part, BOLT).stock == 0
    assert [(row.movement, row.work_order_id, row.order_entry_id) for row in movements(world)] == [
        ("issued", ORDER, ROW),
        ("restocked", ORDER, ROW),
    ]


@pytest.mark.parametrize("handler", [issue, restock])
def test_only_follow_ups_move_stock_for_an_order(handler: object) -> None:
    assert vars(handler)["spec"].internal


def test_stock_of_a_part_that_is_not_there_cannot_move() -> None:
    with pytest.raises(Missing) as refused:
        apply(World(), Receive(part_id=BOLT, quantity=1))

    assert refused.value.code == "unknown_part"


@pytest.mark.parametrize(
    "quantity", ['"0"', "0", "-1", '"1.00001"', '"1e5"', "1e300", '"NaN"', "true", "null"]
)
def test_a_quantity_that_is_none_stops_at_the_door(quantity: str) -> None:
    body = f'{{"part_id":"{BOLT}","quantity":{quantity}}}'

    with pytest.raises(msgspec.ValidationError, match=r"quantity"):
        msgspec.json.decode(body.encode(), type=Receive)
