"""Totals are the fold of the rows that are not void."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Rejected
from domain.work_order.books import cost_of_return, money, part_line, with_entry, without_entry
from domain.work_order.ledger import Comment, Cost, Labor, Line, PartUse, Signature, voided
from domain.work_order.model import WorkOrder, order_number

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)


def order(**fields: object) -> WorkOrder:
    plain = {"id": "o", "number": order_number(7), "title": "Leak", "type": "corrective", "priority": "low"}
    return WorkOrder(**{**plain, "status": "in_progress", "created_at": AT, **fields})  # type: ignore[arg-type]


def cost(amount: str, currency: str = "EUR", id: str = "c") -> Cost:
    return Cost(id=id, at=AT, by="ann", category="service", amount=Decimal(amount), currency=currency)


def use(quantity: str, amount: str = "0", id: str = "p") -> PartUse:
    return PartUse(
        id=id,
        at=AT,
        by="ann",
        part_id="seal",
        quantity=Decimal(quantity),
        cost=Decimal(amount),
        currency="EUR",
    )


def test_a_closed_order_refuses_late_costs_but_takes_comments() -> None:
    closed = order(status="closed")

    with pytest.raises(Rejected) as refused:
        with_entry(closed, cost("1"))
    assert refused.value.code == "locked_period"
    with pytest.raises(Rejected, match="closed"):
        without_entry(closed, cost("1"))
    assert with_entry(closed, Comment(id="k", at=AT, by="ann", text="thanks")).comment_count == 1


def test_the_first_cost_sets_the_currency_and_another_is_refused() -> None:
    spent = with_entry(order(), cost("10.25"))
    assert (spent.cost_total, spent.currency) == (Decimal("10.25"), "EUR")

    with pytest.raises(Rejected) as refused:
        with_entry(spent, cost("1", "USD"))
    assert refused.value.code == "currency_mismatch"


def test_a_total_beyond_exact_sums_is_refused_not_rounded() -> None:
    dear = money(Decimal("999999999.9999") * Decimal("999999999999999.9999"))

    for row in (use("999999999", str(dear)), cost("1" + "0" * 15)):
        with pytest.raises(Rejected) as refused:
            with_entry(order(), row)
        assert refused.value.code == "amount_too_large"


def test_a_return_takes_off_its_share_of_the_cost_and_never_more_than_was_used() -> None:
    used = with_entry(order(), use("3", "10"))

    assert cost_of_return(used, "seal", Decimal(1)) == Decimal("3.3333")
    assert cost_of_return(used, "seal", Decimal(3)) == Decimal(10)
    with pytest.raises(Rejected) as refused:
        cost_of_return(used, "seal", Decimal("3.0001"))
    assert refused.value.code == "return_exceeds_consumed"


def test_what_was_returned_cannot_also_be_voided() -> None:
    used = with_entry(with_entry(order(), use("2", "10")), use("-2", "-10", "q"))

    with pytest.raises(Rejected) as refused:
        without_entry(used, use("2", "10"))
    assert refused.value.code == "already_returned"


def test_a_signature_is_immutable_and_a_row_is_voided_once() -> None:
    signed = Signature(id="s", at=AT, by="ann", image_sha256="0" * 64, name="Ann", signed_version=3)
    with pytest.raises(Rejected) as refused:
        voided(signed, by="bob", at=AT, reason="not me")
    assert refused.value.code == "signature_immutable"

    crossed = voided(cost("1"), by="bob", at=AT, reason="twice")
    with pytest.raises(Rejected) as refused:
        voided(crossed, by="bob", at=AT, reason="twice")
    assert refused.value.code == "already_voided"


amounts = st.decimals(min_value=0, max_value=10**9, places=4)
costs = st.decimals(min_value=-(10**9), max_value=10**9, places=4)
rows = st.one_of(
    st.builds(
        lambda minutes: Labor(
            id="", at=AT, by="ann", minutes=minutes, worked_on=date(2026, 3, 2), category="regular"
        ),
        st.integers(1, 1440),
    ),
    st.builds(lambda amount: cost(str(amount)), costs),
    st.builds(lambda q, amount: use(str(q), str(amount)), st.integers(1, 9), amounts),
    st.builds(lambda q: use(str(-q)), st.integers(1, 9)),
    st.builds(lambda text: Comment(id="", at=AT, by="ann", text=text), st.text(min_size=1, max_size=9)),
)


@given(st.lists(st.one_of(rows, st.integers(0, 30)), max_size=40))
def test_totals_equal_the_fold_of_the_rows_that_are_not_void(acts: list[Line | int]) -> None:
    """A number voids the row of that place, if there is one."""
    going, ledger = order(), list[Line]()
    for act in acts:
        try:
            if isinstance(act, Line):
                row, going = _book(going, act, id=str(len(ledger)))
                ledger.append(row)
            elif act < len(ledger):
                crossed = voided(ledger[act], by="bob", at=AT, reason="wrong")
                going = without_entry(going, ledger[act])
                ledger[act] = crossed
        except Rejected:
            continue

    live = [row for row in ledger if row.voided is None]
    uses = [row for row in live if isinstance(row, PartUse)]
    spent = sum((row.amount for row in live if isinstance(row, Cost)), Decimal(0))
    assert going.labor_minutes == sum(row.minutes for row in live if isinstance(row, Labor))
    assert going.comment_count == sum(isinstance(row, Comment) for row in live)
    assert going.cost_total == spent + sum((row.cost for row in uses), Decimal(0))
    assert part_line(going, "seal").used == sum((row.quantity for row in uses), Decimal(0)) >= 0


def _book(going: WorkOrder, row: Line, *, id: str) -> tuple[Line, WorkOrder]:
    row = msgspec.structs.replace(row, id=id)
    if isinstance(row, PartUse) and row.quantity < 0:
        row = msgspec.structs.replace(row, cost=-cost_of_return(going, "seal", -row.quantity))
    return row, with_entry(going, row)


def test_money_is_kept_to_four_decimals() -> None:
    assert money(Decimal(10) / Decimal(3)) == Decimal("3.3333")
