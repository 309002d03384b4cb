"""The planner changes an order while its technician is underground: nobody's word is lost."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.phone import Phone
from tests.browser.system import System
from tests.support.patience import eventually

TOOTH = "Replace bucket tooth"
WEAR = "Wear of adapter nose"


@pytest.fixture
def conflict(phone: Phone, system: System) -> Phone:
    """Both measured the wear; the technician's value came second, and was made on an older version."""
    phone.begin(TOOTH)
    phone.back()
    phone.synced()
    order = system.order(TOOTH)
    phone.context.set_offline(True)
    phone.go_to(TOOTH)
    phone.measure(WEAR, "9.5")
    phone.book()
    item = next(one for one in order["checklist"] if one["text"] == WEAR)
    system.command(
        "supervisor",
        "work_order.checklist.answer",
        work_order_id=order["id"],
        item_id=item["item_id"],
        value=11,
    )
    phone.back()
    phone.context.set_offline(False)
    phone.says("1 needs you")
    return phone


def wear(system: System) -> float:
    value: float = next(one for one in system.order(TOOTH)["checklist"] if one["text"] == WEAR)["value"]
    return value


def decide(phone: Phone, button: str) -> None:
    expect(phone.order(TOOTH)).to_contain_text("Needs you: Demo Supervisor changed it too")
    phone.go_to(TOOTH)
    phone.page.get_by_role("link", name="Decide").click()
    expect(phone.page.get_by_role("heading", name="Demo Supervisor changed this order too")).to_be_visible()
    pair = phone.page.get_by_role("group", name=WEAR)
    expect(pair).to_contain_text("9.5 mm")
    expect(pair).to_contain_text("11 mm")
    phone.page.get_by_role("button", name=button).click()
    expect(phone.page.get_by_role("heading", name=TOOTH)).to_be_visible()
    phone.back()


def test_my_value_is_kept_when_i_say_so(conflict: Phone, system: System) -> None:
    decide(conflict, "Keep mine")

    conflict.synced()
    assert wear(system) == 9.5
    assert system.order(TOOTH)["labor_minutes"] == 15


def test_the_offices_value_is_taken_when_i_say_so(conflict: Phone, system: System) -> None:
    decide(conflict, "Use server")

    conflict.synced()
    assert wear(system) == 11
    assert system.order(TOOTH)["labor_minutes"] == 15
    assert conflict.rows() == []


def test_the_planner_decides_when_i_leave_it_to_them(conflict: Phone, system: System) -> None:
    decide(conflict, "Send to planner")

    inbox = "/api/offline/inbox?for_planner=true"
    eventually(lambda: system.ask("planner", inbox)["items"], within_s=20, what="it is the planner's")
    tray = conflict.open_tray()
    expect(tray).to_contain_text("The planner decides.")
    (left,) = system.ask("planner", inbox)["items"]
    decision = {"choice": "take_server", "reason": "Measured after the repair"}
    system.ask("planner", f"/api/commands/{left['command_id']}/resolve", decision)
    tray.get_by_role("button", name="Close").click()
    conflict.hurry()
    conflict.synced()
    assert wear(system) == 11


def test_an_order_cancelled_meanwhile_is_a_conflict_and_its_hours_count_all_the_same(
    phone: Phone, system: System
) -> None:
    order = system.order(TOOTH)
    phone.context.set_offline(True)
    phone.begin(TOOTH)
    phone.book()
    phone.back()
    system.command("planner", "work_order.cancel", work_order_id=order["id"], reason="Machine sold")
    phone.context.set_offline(False)
    phone.says("1 needs you")
    tray = phone.open_tray()
    tray.get_by_role("link", name="Resolve").click()
    phone.page.get_by_role("button", name="Use server").click()

    eventually(lambda: phone.rows() == [], within_s=20, what="nothing is left to send")
    now = system.order(TOOTH)
    assert (now["status"], now["labor_minutes"]) == ("cancelled", 15)


def test_a_refused_reading_can_be_put_right_from_the_tray(phone: Phone, system: System) -> None:
    phone.page.get_by_role("link", name="Left engine exhaust leaks").click()
    phone.read("Hour meter", "41300")
    phone.synced_below()
    meter = system.ask("planner", "/api/meters?q=Hour")["items"][0]
    assert meter["last_value"] == "41300"
    phone.context.set_offline(True)
    system.command("supervisor", "meter.reading.record", meter_id=meter["id"], value="41400", kind="reading")
    phone.read("Hour meter", "41350")
    phone.context.set_offline(False)
    phone.back()

    tray = phone.open_tray()
    expect(tray).to_contain_text("Failed. Lower than the last reading.", timeout=20_000)
    tray.get_by_role("button", name="Edit").click()
    phone.page.get_by_label("Value").fill("41410")
    phone.page.get_by_role("button", name="Send corrected").click()
    expect(phone.page.get_by_role("dialog", name="Edit")).to_have_count(0)
    tray.get_by_role("button", name="Close").click()

    phone.synced()
    assert system.ask("planner", "/api/meters?q=Hour")["items"][0]["last_value"] == "41410"
