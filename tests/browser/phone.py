"""A phone with the app open on it, and what its person does and sees."""

from __future__ import annotations

import json
import os
import re
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page, Playwright, expect
from playwright.sync_api import Error as PlaywrightError

from tests.browser.system import PASSWORD

Json = dict[str, Any]
CHROMIUM = "/usr/bin/chromium"
PHONE = {"width": 390, "height": 844}


def launch(playwright: Playwright, directory: Path, **options: Any) -> BrowserContext:
    """A browser that keeps what it has in that directory, as a phone does."""
    options = {"viewport": PHONE, "locale": "en-GB", "timezone_id": "Europe/Berlin"} | options
    context = playwright.chromium.launch_persistent_context(
        directory, executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], **options
    )
    context.set_default_timeout(15_000)
    return context


class Phone:
    def __init__(self, playwright: Playwright, url: str, directory: Path, **options: Any) -> None:
        self.directory = directory
        self.context = launch(playwright, directory, **options)
        self.url = url
        self.page: Page = self.context.pages[0] if self.context.pages else self.context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    # -- coming and going

    def open(self, path: str = "/app") -> None:
        self.page.goto(self.url + path)

    def sign_in(self, role: str = "tech", *, path: str = "/app") -> None:
        """From a phone that nobody is signed in on, to My work."""
        self.open(path)
        self.fill_sign_in(role)
        expect(self.page.get_by_role("heading", name="My work")).to_be_visible()

    def fill_sign_in(self, role: str = "tech") -> None:
        self.page.get_by_label("E-mail").fill(f"{role}@demo.millwright.test")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in", exact=True).click()

    def signed_in(self) -> None:
        """Signs in again where the server asks for it."""
        self.page.get_by_role("heading", name="My work").wait_for()
        if self.pill.inner_text().startswith("Sign in"):
            self.open("/app/signin")
            self.fill_sign_in()
            self.page.get_by_role("heading", name="My work").wait_for()

    def ready_offline(self) -> None:
        """The app's files are on the phone, and its orders."""
        self.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        expect(self.order("Replace bucket tooth")).to_be_visible()
        self.page.wait_for_function("navigator.serviceWorker.controller !== null")

    def kill(self) -> None:
        """As a battery that dies: no process of the browser has a chance to say goodbye."""
        for pid in _processes_of(self.directory):
            os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """Also where it was killed before."""
        with suppress(PlaywrightError):
            self.context.close()

    # -- doing

    def order(self, title: str) -> Locator:
        return self.page.get_by_role("link", name=title)

    def go_to(self, title: str) -> None:
        self.order(title).click()
        expect(self.page.get_by_role("heading", name=title)).to_be_visible()

    def begin(self, title: str) -> None:
        self.go_to(title)
        self.page.get_by_role("button", name="Start", exact=True).click()
        expect(self.page.get_by_text("In progress").first).to_be_visible()

    def back(self) -> None:
        self.page.get_by_role("button", name="Back").click()
        expect(self.page.get_by_role("heading", name="My work")).to_be_visible()

    def tick(self, text: str) -> None:
        box = self.page.get_by_role("checkbox", name=text)
        before = box.get_attribute("aria-checked")
        box.click()
        expect(box).to_have_attribute("aria-checked", "false" if before == "true" else "true")

    def measure(self, text: str, value: str) -> None:
        field = self.page.get_by_label(text)
        field.fill(value)
        field.press("Enter")
        expect(self.page.locator(".meas", has_text=text)).to_contain_text(re.compile("You,|the limit"))

    def book(self, *, times: int = 1) -> None:
        figure = self.page.locator(".lab .fig")
        for _ in range(times):
            before = figure.inner_text()
            self.page.get_by_role("button", name="+15 min").click()
            expect(figure).not_to_have_text(before)

    def take(self, part: str) -> None:
        shown = self.page.get_by_role("group", name=part).locator("output")
        before = shown.inner_text()
        self.page.get_by_role("button", name=f"One more {part}").click()
        expect(shown).not_to_have_text(before)

    def read(self, meter: str, value: str) -> None:
        field = self.page.get_by_label(meter)
        field.fill(value)
        self.page.get_by_role("button", name="Save reading").click()
        expect(field).to_have_value("")

    def comment(self, text: str) -> None:
        self.page.get_by_role("button", name="Write a comment").click()
        self.page.get_by_role("textbox", name="Comment").fill(text)
        self.page.get_by_role("button", name="Save", exact=True).click()
        expect(self.page.get_by_role("dialog")).to_have_count(0)

    # -- seeing

    @property
    def pill(self) -> Locator:
        return self.page.locator(".pill")

    def open_tray(self) -> Locator:
        self.pill.click()
        tray = self.page.get_by_role("dialog", name="Sync")
        expect(tray).to_be_visible()
        return tray

    def says(self, text: str | re.Pattern[str]) -> None:
        expect(self.pill).to_contain_text(text)

    def synced(self, *, within_s: float = 30) -> None:
        expect(self.pill).to_contain_text("All synced", timeout=within_s * 1000)

    def synced_below(self) -> None:
        """The same on a page whose pill is small."""
        expect(self.pill).to_have_attribute("aria-label", re.compile("^All synced"), timeout=30_000)

    def hurry(self) -> None:
        """The person asks for it by hand."""
        tray = self.open_tray()
        tray.get_by_role("button", name=re.compile("Replay all|Sync now")).click()
        tray.get_by_role("button", name="Close").click()

    # -- looking inside

    def rows(self) -> list[Json]:
        """The outbox as it lies on the disk."""
        found: list[Json] = self.page.evaluate(READ, "actions")
        return found

    def put(self, store: str, value: Any, key: str) -> None:
        self.page.evaluate(WRITE, [store, value, key])


OPEN = """
const user = JSON.parse(localStorage.getItem("millwright.me"));
const db = await new Promise((resolve, reject) => {
  const opening = indexedDB.open(`millwright:${user.tenant_id}:${user.id}`);
  opening.onsuccess = () => resolve(opening.result);
  opening.onerror = () => reject(opening.error);
});
"""
READ = (
    "async (store) => {"
    + OPEN
    + """
  const rows = await new Promise((resolve) => {
    const asked = db.transaction(store).objectStore(store).getAll();
    asked.onsuccess = () => resolve(asked.result);
  });
  db.close();
  return rows.map((row) => JSON.parse(JSON.stringify({ ...row, sealed: !("plain" in (row.body ?? {})) })));
}"""
)
WRITE = (
    "async ([store, value, key]) => {"
    + OPEN
    + """
  await new Promise((resolve) => {
    const tx = db.transaction(store, "readwrite");
    tx.objectStore(store).put(value, key);
    tx.oncomplete = resolve;
  });
  db.close();
}"""
)


def _processes_of(directory: Path) -> list[int]:
    """Every process that was started for the profile in that directory."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if str(directory).encode() in command and b"chromium" in command:
            found.append(int(entry.name))
    return found


def bodies(requests: list[Any]) -> list[Json]:
    return [json.loads(request.body) for request in requests]
