"""Whose work it is: a session that ends, a second person on the same phone, signing out."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.network import Network
from tests.browser.phone import Phone, bodies
from tests.browser.system import PASSWORD, System

REPLAYS = "/api/offline/replays"
TOOTH = "Replace bucket tooth"


def test_a_session_that_ends_while_sending_keeps_the_queue_until_its_person_signs_in(
    phone: Phone, system: System, network: Network
) -> None:
    phone.context.set_offline(True)
    phone.begin(TOOTH)
    phone.book()
    phone.back()
    system.revoke("tech")
    network.answer("/api/auth/refresh", 401, body=REFUSED, content_type="application/problem+json")
    phone.page.reload()
    phone.page.get_by_role("heading", name="My work").wait_for()

    phone.context.set_offline(False)
    phone.says("Sign in to sync")
    phone.says("2 saved here")
    network.heal()
    phone.open("/app/signin")
    expect(phone.page.get_by_text("Sign in to send 2 actions.")).to_be_visible()
    phone.fill_sign_in()

    phone.synced()
    assert system.order(TOOTH)["labor_minutes"] == 15


def test_another_person_on_the_phone_neither_sees_nor_sends_what_the_first_left(
    phone: Phone, system: System, network: Network
) -> None:
    phone.context.set_offline(True)
    phone.begin(TOOTH)
    phone.comment("Only mine to say")
    phone.context.set_offline(False)
    network.cut()
    sign_out(phone)
    expect(phone.page.get_by_text("locked, until Demo Tech signs in again")).to_be_visible()
    network.heal()
    network.seen.clear()

    phone.fill_sign_in("supervisor")
    phone.page.get_by_role("heading", name="My work").wait_for()
    phone.synced()
    assert network.requests(REPLAYS, "POST") == []
    expect(phone.page.get_by_text(TOOTH)).to_have_count(0)
    phone.open("/app/me")
    phone.page.get_by_role("button", name="Sign out").click()
    phone.fill_sign_in("tech")

    phone.page.get_by_role("heading", name="My work").wait_for()
    phone.synced()
    assert {a["type"] for one in bodies(network.requests(REPLAYS, "POST")) for a in one["actions"]} == {
        "work_order.start",
        "work_order.comment.add",
    }
    order = system.order(TOOTH)
    assert [comment["by"] for comment in order["comments"]] == [system.user("tech")["id"]]


def test_what_is_left_on_a_phone_cannot_be_read_there(phone: Phone, network: Network) -> None:
    network.cut()
    phone.begin(TOOTH)
    phone.comment("The code of the gate is 4711")

    sign_out(phone)

    files = [path for path in phone.directory.rglob("*") if path.is_file() and "IndexedDB" in str(path)]
    assert files
    assert not [
        path
        for path in files
        if b"4711" in path.read_bytes() or "4711".encode("utf-16-le") in path.read_bytes()
    ]


def test_signing_out_warns_of_what_is_not_sent_and_may_be_thought_better_of(
    phone: Phone, network: Network
) -> None:
    network.cut()
    phone.begin(TOOTH)
    phone.open("/app/me")
    phone.page.get_by_role("button", name="Sign out").click()
    expect(phone.page.get_by_text("1 action is not sent.")).to_be_visible()
    phone.page.get_by_role("button", name="Stay").click()

    phone.open()
    phone.page.get_by_role("heading", name="My work").wait_for()
    assert [row["said"]["type"] for row in phone.rows()] == ["work_order.start"]


def test_signing_out_without_a_signal_ends_the_session_when_the_server_is_heard_again(
    phone: Phone, network: Network
) -> None:
    network.cut()
    phone.open("/app/me")
    phone.page.get_by_role("button", name="Sign out").click()
    phone.page.get_by_role("heading", name="Sign in").wait_for()
    network.heal()
    network.seen.clear()

    with phone.page.expect_response("**/api/auth/logout") as ended:
        phone.open()

    assert ended.value.ok
    phone.page.get_by_role("heading", name="Sign in").wait_for()
    phone.page.reload()
    assert network.requests("/api/auth/refresh") == []


def test_a_wrong_password_is_told_in_words(phone: Phone) -> None:
    phone.open("/app/signin")
    phone.page.get_by_label("E-mail").fill("tech@demo.millwright.test")
    phone.page.get_by_label("Password").fill(PASSWORD[:-1])
    phone.page.get_by_role("button", name="Sign in", exact=True).click()

    expect(phone.page.get_by_role("alert")).to_contain_text(
        "This address and password do not belong together."
    )


def sign_out(phone: Phone) -> None:
    """With work waiting: it is said, and kept."""
    phone.page.evaluate("history.pushState({}, '', '/app/me'); dispatchEvent(new PopStateEvent('popstate'))")
    phone.page.get_by_role("button", name="Sign out").click()
    phone.page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    phone.page.get_by_role("heading", name="Sign in").wait_for()


REFUSED = (
    b'{"type":"about:blank","title":"","status":401,"detail":"","code":"refresh_invalid","request_id":"1"}'
)
