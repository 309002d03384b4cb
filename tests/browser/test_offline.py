"""A day without a signal: nothing is lost, nothing counts twice, and everything arrives in its order."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import NewPhone
from tests.browser.network import Network
from tests.browser.phone import Phone, bodies
from tests.browser.system import System

REPLAYS = "/api/offline/replays"
TOOTH = "Replace bucket tooth"


def test_after_a_reload_without_a_signal_the_work_and_what_was_done_are_there(phone: Phone) -> None:
    phone.context.set_offline(True)
    phone.begin(TOOTH)
    phone.tick("Isolated and locked out")
    phone.measure("Wear of adapter nose", "14.6")

    phone.page.reload()

    expect(phone.page.get_by_role("checkbox", name="Isolated and locked out")).to_have_attribute(
        "aria-checked", "true"
    )
    expect(phone.page.get_by_text("2.6 mm over the limit")).to_be_visible()
    phone.back()
    phone.says("3 saved here")
    expect(phone.order(TOOTH)).to_contain_text("Not synced")


def test_a_phone_that_dies_the_moment_after_a_tap_has_kept_it(phone: Phone, new_phone: NewPhone) -> None:
    phone.context.set_offline(True)
    phone.begin(TOOTH)
    for text in ("Isolated and locked out", "Adapter pin retained", "Neighbouring teeth seated"):
        phone.tick(text)
    phone.tick("Isolated and locked out")
    phone.kill()

    again = new_phone(offline=True)
    again.open()

    again.says("5 saved here")
    again.go_to(TOOTH)
    boxes = [
        again.page.get_by_role("checkbox", name=name) for name in ("Isolated", "Adapter pin", "Neighbouring")
    ]
    assert [box.get_attribute("aria-checked") for box in boxes] == ["false", "true", "true"]
    assert [row["seq"] for row in again.rows()] == [1, 2, 3, 4, 5]


def test_what_was_done_underground_arrives_in_its_order(
    phone: Phone, system: System, network: Network
) -> None:
    phone.context.set_offline(True)
    phone.begin(TOOTH)
    phone.tick("Isolated and locked out")
    phone.measure("Wear of adapter nose", "9.5")
    phone.take("Bucket tooth V39")
    phone.book(times=2)
    phone.comment("Seal weeps, still holds")
    phone.back()

    phone.context.set_offline(False)

    phone.synced()
    (sent,) = bodies(network.requests(REPLAYS, "POST"))
    assert [action["lane_seq"] for action in sent["actions"]] == list(range(1, len(sent["actions"]) + 1))
    order = system.order(TOOTH)
    assert order["status"] == "in_progress"
    assert [item["value"] for item in order["checklist"][:2]] == [True, 9.5]
    assert order["labor_minutes"] == 30
    assert order["parts"][0]["used"] == "1"
    assert order["comments"][0]["text"] == "Seal weeps, still holds"
    assert phone.rows() == []


def test_an_action_whose_answer_was_lost_counts_once(phone: Phone, system: System, network: Network) -> None:
    network.lose_answers(REPLAYS, times=2)
    phone.go_to(TOOTH)
    phone.book()
    phone.back()
    phone.hurry()

    phone.synced()
    assert len(network.requests(REPLAYS, "POST")) == 3
    assert system.order(TOOTH)["labor_minutes"] == 15


def test_a_server_that_cannot_take_it_is_tried_again_and_at_once_when_asked(
    phone: Phone, system: System, network: Network
) -> None:
    problem = (
        b'{"type":"about:blank","title":"","status":503,"detail":"","code":"unavailable","request_id":"1"}'
    )
    network.answer(REPLAYS, 503, body=problem, content_type="application/problem+json", retry_after="200")
    phone.go_to(TOOTH)
    phone.book()
    phone.back()
    phone.says("Retrying")
    phone.page.reload()
    phone.page.get_by_role("heading", name="My work").wait_for()

    network.heal()
    phone.signed_in()
    phone.hurry()

    phone.synced()
    assert system.order(TOOTH)["labor_minutes"] == 15


def test_a_captive_portal_is_no_server(phone: Phone, system: System, network: Network) -> None:
    network.answer("/api/", 200, body=b"<html>Welcome to the canteen</html>", content_type="text/html")
    phone.go_to(TOOTH)
    phone.book()
    phone.back()
    phone.says("Offline")

    network.heal()
    phone.hurry()

    phone.synced()
    assert system.order(TOOTH)["labor_minutes"] == 15


def test_a_web_process_that_starts_again_is_found_again(phone: Phone, system: System) -> None:
    system.stop_web()
    phone.begin(TOOTH)
    phone.book()
    phone.back()
    phone.says(re.compile("Offline|Retrying"))

    system.start_web()
    phone.hurry()

    phone.synced()
    assert system.order(TOOTH)["labor_minutes"] == 15


def test_a_number_that_another_store_of_this_phone_used_is_passed_over(phone: Phone, system: System) -> None:
    """The phone was restored from a copy: its lanes begin at 1 again, and the server waits for 2."""
    phone.begin(TOOTH)
    phone.back()
    phone.synced()
    lane = f"work_order:{system.order(TOOTH)['id']}"
    phone.put("lanes", 1, lane)

    phone.go_to(TOOTH)
    phone.book()
    phone.back()

    phone.synced()
    assert system.order(TOOTH)["labor_minutes"] == 15


def test_numbers_that_were_lost_are_filled_with_tombstones(
    phone: Phone, system: System, network: Network
) -> None:
    lane = f"work_order:{system.order(TOOTH)['id']}"
    phone.put("lanes", 4, lane)

    phone.begin(TOOTH)
    phone.back()

    phone.synced()
    last = bodies(network.requests(REPLAYS, "POST"))[-1]
    assert [action["type"] for action in last["actions"]] == ["discard"] * 3 + ["work_order.start"]
    assert system.order(TOOTH)["status"] == "in_progress"


def test_what_is_given_up_before_it_was_sent_never_counts(phone: Phone, system: System) -> None:
    phone.context.set_offline(True)
    phone.begin(TOOTH)
    phone.book(times=2)
    tray = phone.open_tray()
    tray.get_by_role("listitem").filter(has_text="Labour, 15 min").first.get_by_role(
        "button", name="Discard"
    ).click()
    expect(tray.get_by_text("Labour, 15 min")).to_have_count(1)
    tray.get_by_role("button", name="Close").click()
    phone.back()

    phone.context.set_offline(False)

    phone.synced()
    assert system.order(TOOTH)["labor_minutes"] == 15
