"""Every screen of the app in both themes: no fault that axe knows, nothing cut, and a picture to look at.

`SCREENSHOTS=folder` keeps the pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from adapters.settings.table import ROOT, inherited
from tests.browser.conftest import NewPhone
from tests.browser.network import Network
from tests.browser.phone import Phone
from tests.browser.system import System
from tests.browser.test_device import picture

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
TOOTH = "Replace bucket tooth"
SLEW = "Slew brake light staying on"


@dataclass(frozen=True)
class Scene:
    """A phone that is signed in, and what may befall it."""

    phone: Phone
    system: System
    network: Network


Screen = Callable[[Scene], None]
SCREENS: dict[str, Screen] = {}


def screen(name: str) -> Callable[[Screen], Screen]:
    def add(made: Screen) -> Screen:
        SCREENS[name] = made
        return made

    return add


@screen("01-my-work")
def my_work(at: Scene) -> None:
    at.network.cut()
    at.phone.begin(TOOTH)
    at.phone.book(times=2)
    at.phone.back()
    at.phone.says("Offline")
    gone(at.phone.page.get_by_text("15 min booked."))


@screen("02-work-order")
def work_order(at: Scene) -> None:
    at.phone.begin(TOOTH)
    at.network.cut()
    at.phone.tick("Isolated and locked out")
    at.phone.tick("Neighbouring teeth seated")
    at.phone.measure("Wear of adapter nose", "14.6")
    at.phone.take("Bucket tooth V39")
    at.phone.page.locator("input[type=file]").set_input_files(picture("leak.png", 800, 600))
    expect(at.phone.page.get_by_text("1 not synced")).to_be_visible()
    at.phone.comment("Seal weeps, still holds. Look again after 50 h.")
    at.phone.page.evaluate("scrollTo(0, 0)")


@screen("03-sync-tray")
def sync_tray(at: Scene) -> None:
    at.network.cut()
    at.phone.begin(TOOTH)
    at.phone.tick("Isolated and locked out")
    at.phone.book()
    at.phone.comment("Seal weeps, still holds")
    at.phone.back()
    at.phone.open_tray()


@screen("04-conflict")
def conflict(at: Scene) -> None:
    at.phone.begin(SLEW)
    at.phone.back()
    at.phone.synced()
    order = at.system.order(SLEW)
    at.phone.context.set_offline(True)
    at.phone.go_to(SLEW)
    at.phone.measure("Brake pressure", "31.5")
    at.phone.book(times=2)
    item = next(one for one in order["checklist"] if one["text"] == "Brake pressure")
    answer = {"work_order_id": order["id"], "item_id": item["item_id"], "value": 28}
    at.system.command("supervisor", "work_order.checklist.answer", **answer)
    at.phone.back()
    at.phone.context.set_offline(False)
    at.phone.says("1 needs you")
    at.phone.go_to(SLEW)
    at.phone.page.get_by_role("link", name="Decide").click()
    at.phone.page.get_by_role("heading", name="Demo Supervisor changed this order too").wait_for()


@screen("05-report")
def report(at: Scene) -> None:
    asset = at.system.db.assets.find_one({"name": "Excavator F"})
    assert asset is not None
    told = {"asset_id": asset["id"], "title": "Grease line broken on bucket"}
    at.system.command("requester", "request.submit", **told)
    visit(at.phone, f"/app/report?asset={asset['id']}")
    at.phone.page.get_by_text("Grease line broken on bucket").wait_for()
    at.phone.page.get_by_label("What is wrong?").fill("Slews on its own after the lever is released")
    at.phone.page.get_by_text("Stopped", exact=True).click()


@screen("06-empty")
def empty(at: Scene) -> None:
    for order in at.system.db.work_orders.find():
        at.system.command("planner", "work_order.cancel", work_order_id=order["id"], reason="Machine sold")
    at.phone.hurry()
    at.phone.page.get_by_text("Nothing is assigned to you").wait_for()


@screen("06-damaged")
def damaged(at: Scene) -> None:
    at.phone.page.add_init_script(
        """const real = IDBObjectStore.prototype.getAll;
        IDBObjectStore.prototype.getAll = function (...given) {
          if (this.name === "entities") throw new DOMException("damaged", "UnknownError");
          return real.apply(this, given);
        };"""
    )
    at.network.cut()
    at.phone.begin(TOOTH)
    at.phone.page.reload()
    at.phone.page.get_by_text("This order is not here").wait_for()
    at.phone.page.get_by_role("link", name="My work").click()
    at.phone.page.get_by_text("kept apart and safe: 1 action.").wait_for()


@screen("06-signed-out")
def signed_out(at: Scene) -> None:
    at.network.cut()
    at.phone.begin(TOOTH)
    visit(at.phone, "/app/me")
    at.phone.page.get_by_role("button", name="Sign out").click()
    at.phone.page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    at.phone.page.get_by_text("Sign in to send 1 action.").wait_for()


@screen("06-not-permanent")
def not_permanent(at: Scene) -> None:
    safari = "Object.defineProperty(navigator, 'userAgent', { get: () => 'Version/17 Safari/605' });"
    at.phone.page.add_init_script(safari)
    at.phone.page.reload()
    at.phone.page.get_by_text("This browser may delete your work").wait_for()


@screen("07-scan")
def scan(at: Scene) -> None:
    visit(at.phone, "/app/scan")
    at.phone.page.get_by_label("Or type a code or a name").fill("SHD24")
    at.phone.page.get_by_role("button", name="Slew drive").wait_for()


@screen("08-asset")
def asset(at: Scene) -> None:
    found = at.system.db.assets.find_one({"name": "Excavator F"})
    assert found is not None
    visit(at.phone, f"/app/assets/{found['id']}")
    at.phone.page.get_by_text("Hour meter").wait_for()
    at.phone.page.get_by_role("heading", name="History").wait_for()
    at.phone.page.get_by_text("Left engine exhaust leaks").wait_for()


@screen("09-notifications")
def notifications(at: Scene) -> None:
    order = at.system.order(SLEW)
    told = {"number": order["number"], "title": order["title"], "priority": "medium"}
    page = {"items": [notice("1", "overdue", order["id"], told), notice("2", "due_soon", order["id"], told)]}
    at.phone.page.route("**/api/notifications*", lambda route: route.fulfill(json=page | {"cursor": None}))
    at.phone.page.get_by_role("link", name="otification").click()
    at.phone.page.locator(".notice").first.wait_for()


@screen("10-me")
def me(at: Scene) -> None:
    visit(at.phone, "/app/me")
    at.phone.page.get_by_text("Until the disk is full").wait_for()


@screen("11-complete")
def complete(at: Scene) -> None:
    at.phone.begin("Left engine exhaust leaks")
    at.phone.page.get_by_role("button", name="Complete").click()
    at.phone.page.get_by_role("dialog", name="Complete").wait_for()
    at.phone.page.get_by_text("What failed, why, and what helped").click()


@screen("12-sign")
def sign(at: Scene) -> None:
    at.phone.begin("Left engine exhaust leaks")
    at.phone.page.get_by_role("button", name="More").click()
    at.phone.page.get_by_role("button", name="Sign").click()
    at.phone.page.get_by_role("dialog", name="Sign").wait_for()


@pytest.mark.parametrize("name", SCREENS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_screen_has_no_fault_that_axe_knows(
    new_phone: NewPhone, system: System, network: Network, name: str, theme: str
) -> None:
    phone = new_phone(color_scheme=theme, device_scale_factor=2)
    phone.sign_in()
    phone.ready_offline()
    SCREENS[name](Scene(phone, system, network))

    assert faults(phone) == []
    keep(phone, f"{name}-{theme}")
    for width, label in ((320, "320"), (390, "390")):
        phone.page.set_viewport_size({"width": width, "height": 844})
        assert overflow(phone) == [], label
        if width == 320:
            keep(phone, f"{name}-320-{theme}")
    phone.page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert overflow(phone) == [], "letters twice as large"
    keep(phone, f"{name}-200-{theme}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_sign_in_page_has_no_fault_that_axe_knows(new_phone: NewPhone, theme: str) -> None:
    phone = new_phone(color_scheme=theme, device_scale_factor=2)
    phone.open()
    phone.page.get_by_role("heading", name="Sign in").wait_for()

    assert faults(phone) == []
    keep(phone, f"00-sign-in-{theme}")


def test_everything_is_said_in_german_too(phone: Phone) -> None:
    visit(phone, "/app/me")
    phone.page.get_by_text("Deutsch", exact=True).click()

    phone.page.get_by_role("link", name="Arbeit").click()
    phone.page.get_by_role("heading", name="Meine Arbeit").wait_for()
    expect(phone.page.locator("html")).to_have_attribute("lang", "de")
    expect(phone.page.get_by_role("heading", name="Überfällig")).to_be_visible()
    keep(phone, "13-german-light")


# -- looking


def faults(phone: Phone) -> list[str]:
    """What axe finds against WCAG 2.2 A and AA, one line each."""
    # As tall as the page: what lies under the dock can be scrolled out from there.
    height = phone.page.evaluate("document.documentElement.scrollHeight")
    phone.page.set_viewport_size({"width": 390, "height": max(844, height + 100)})
    phone.page.evaluate(AXE.read_text())
    run = "(values) => axe.run(document, { runOnly: { type: 'tag', values } }).then((one) => one.violations)"
    found: list[dict[str, Any]] = phone.page.evaluate(run, TAGS)
    phone.page.set_viewport_size({"width": 390, "height": 844})
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


def overflow(phone: Phone) -> list[str]:
    """What sticks out sideways."""
    found: list[str] = phone.page.evaluate(
        """() => {
          const width = document.documentElement.clientWidth;
          if (document.documentElement.scrollWidth <= width) return [];
          return [...document.querySelectorAll("body *")]
            .filter((one) => one.getBoundingClientRect().right > width + 1 && !one.closest(".strip"))
            .map((one) => `${one.tagName}.${one.getAttribute("class")}`).slice(0, 5);
        }"""
    )
    return found


def keep(phone: Phone, name: str) -> None:
    if folder := inherited().get("SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        phone.page.screenshot(path=Path(folder) / f"{name}.png", full_page="work-order" in name)


def visit(phone: Phone, path: str) -> None:
    """As a link does, without loading the page anew."""
    follow = "(path) => { history.pushState({}, '', path); dispatchEvent(new PopStateEvent('popstate')); }"
    phone.page.evaluate(follow, path)


def gone(what: Locator) -> None:
    expect(what).to_have_count(0, timeout=15_000)


def notice(id: str, kind: str, order: str, params: dict[str, Any]) -> dict[str, Any]:
    about = f"work_order:{order}"
    return {
        "id": id, "about": about, "step": kind, "kind": kind, "critical": False, "params": params,
        "created_at": "2026-12-01T00:10:00Z",
    }  # fmt: skip
