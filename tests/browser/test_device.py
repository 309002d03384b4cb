"""The phone itself: two tabs, a long queue, a full disk, a wrong clock, a new version of the app, photos."""

from __future__ import annotations

import json
import random
import struct
import zlib
from datetime import UTC
from typing import Any

from playwright.sync_api import FilePayload, expect

from adapters.process.clock import SystemClock
from tests.browser.conftest import NewPhone
from tests.browser.network import Fault, Network
from tests.browser.network import Request as Asked
from tests.browser.phone import Phone, bodies
from tests.browser.system import System
from tests.support.patience import eventually

REPLAYS = "/api/offline/replays"
TOOTH = "Replace bucket tooth"
DAY_MS = 86_400_000


def test_two_tabs_send_what_was_done_once(phone: Phone, system: System, network: Network) -> None:
    second = phone.context.new_page()
    second.goto(f"{phone.url}/app")
    second.get_by_role("heading", name="My work").wait_for()
    if second.locator(".pill").inner_text().startswith("Sign in"):
        phone.signed_in()
    phone.context.set_offline(True)
    phone.begin(TOOTH)
    phone.book(times=9)
    phone.back()
    expect(second.locator(".pill")).to_contain_text("10 saved here")

    phone.context.set_offline(False)

    phone.synced()
    expect(second.locator(".pill")).to_contain_text("All synced", timeout=20_000)
    sent = [action["id"] for one in bodies(network.requests(REPLAYS, "POST")) for action in one["actions"]]
    assert len(sent) == len(set(sent)) == 10
    assert system.order(TOOTH)["labor_minutes"] == 9 * 15


def test_a_queue_of_a_thousand_is_there_at_once_and_goes_in_batches(
    phone: Phone, system: System, network: Network
) -> None:
    lane = f"work_order:{system.order(TOOTH)['id']}"
    phone.context.set_offline(True)
    phone.page.evaluate(MANY, [lane, 1000])
    phone.page.reload()
    phone.says("1,000 saved here")
    tray = phone.open_tray()
    expect(tray).to_contain_text("1,000 actions wait.")
    tray.get_by_role("button", name="Close").click()

    phone.context.set_offline(False)
    phone.signed_in()

    phone.synced(within_s=120)
    assert len(network.requests(REPLAYS, "POST")) == 20
    assert system.order(TOOTH)["labor_minutes"] == 1000


def test_a_full_phone_says_so_and_still_takes_words(
    new_phone: NewPhone, system: System, network: Network
) -> None:
    phone = new_phone()
    session = phone.context.new_cdp_session(phone.page)
    phone.open()
    session.send("Storage.overrideQuotaForOrigin", {"origin": phone.url, "quotaSize": 6_000_000})
    phone.sign_in()
    phone.ready_offline()
    network.cut()
    phone.begin(TOOTH)
    chooser = phone.page.locator("input[type=file]")
    full = phone.page.get_by_text("This phone is full. The photo was not kept.")
    for number in range(6):
        chooser.set_input_files(noise(f"{number}.png", 1600, 1200))
        expect(phone.page.get_by_text("Reading", exact=True)).to_have_count(0)
        if full.is_visible():
            break
    expect(full).to_be_visible()
    phone.book()
    phone.back()
    expect(phone.page.get_by_text("New photos cannot be kept.")).to_be_visible()
    kept = len(phone.rows())

    session.send("Storage.overrideQuotaForOrigin", {"origin": phone.url})
    network.heal()
    phone.hurry()

    phone.synced(within_s=60)
    order = system.order(TOOTH)
    assert order["labor_minutes"] == 15
    assert len(order["attachments"]) == kept - 2
    assert all(photo["available"] for photo in order["attachments"])


def test_a_clock_a_day_off_changes_neither_order_nor_time(new_phone: NewPhone, system: System) -> None:
    for days in (1, -1):
        phone = new_phone(f"clock{days}")
        phone.page.add_init_script(CLOCK % (days * DAY_MS))
        phone.sign_in()
        phone.go_to("Left engine exhaust leaks")
        if days == 1:
            phone.page.get_by_role("button", name="Start", exact=True).click()
        phone.comment(f"Clock {days}")
        phone.back()
        phone.synced()

    comments = system.order("Left engine exhaust leaks")["comments"]
    assert [comment["text"] for comment in comments] == ["Clock 1", "Clock -1"]
    received = [event["at"] for event in system.db.events.find({"type": "work_order.commented"}, {"at": 1})]
    told = sorted(comment["at"] for comment in comments)
    assert told[0][:10] == told[1][:10] == max(received).isoformat()[:10]


def test_a_wrong_clock_is_told(new_phone: NewPhone, system: System) -> None:
    phone = new_phone()
    phone.page.add_init_script(CLOCK % DAY_MS)
    phone.sign_in()
    phone.go_to(TOOTH)
    phone.book()
    phone.back()

    expect(phone.page.get_by_text("clock is 1,440 min off.")).to_be_visible()
    phone.synced()
    assert system.order(TOOTH)["labor_minutes"] == 15


def test_a_new_version_waits_until_the_work_is_sent(phone: Phone, network: Network) -> None:
    network.cut()
    phone.begin(TOOTH)
    phone.back()
    network.rewrite(newer)
    phone.page.evaluate("navigator.serviceWorker.getRegistration('/app').then((one) => one.update())")
    expect(
        phone.page.get_by_text("A new version is ready. It waits until your work is sent.")
    ).to_be_visible()
    before = phone.page.evaluate("caches.keys()")
    assert len(before) == 2
    phone.says("1 saved here")

    network.heal()
    with phone.page.expect_event("load", timeout=60_000):
        phone.hurry()

    eventually(
        lambda: len(phone.page.evaluate("caches.keys()")) == 1, within_s=20, what="the old version is gone"
    )
    phone.page.get_by_role("heading", name="My work").wait_for()
    assert phone.rows() == []


def test_an_action_that_an_older_server_does_not_know_waits_for_a_newer_one(
    phone: Phone, system: System, network: Network
) -> None:
    network.fail(not_yet)
    phone.go_to(TOOTH)
    phone.book()
    phone.back()
    phone.says("Syncing")
    tray = phone.open_tray()
    expect(tray).to_contain_text("Retrying.")
    tray.get_by_role("button", name="Close").click()

    network.heal()
    phone.hurry()

    phone.synced()
    assert system.order(TOOTH)["labor_minutes"] == 15


def test_a_photo_taken_underground_arrives_after_the_words_and_is_tried_again(
    phone: Phone, system: System, network: Network
) -> None:
    phone.context.set_offline(True)
    phone.begin(TOOTH)
    phone.page.locator("input[type=file]").set_input_files(picture("leak.png", 800, 600))
    expect(phone.page.get_by_text("1 not synced")).to_be_visible()
    expect(phone.page.get_by_role("button", name="Photo by You").locator("img")).to_be_visible()
    network.answer("/api/blobs/", 503, content_type="text/plain")
    phone.context.set_offline(False)
    eventually(
        lambda: system.order(TOOTH)["attachments"], within_s=20, what="the photo's name is on the order"
    )
    phone.back()
    phone.says("Offline")

    network.heal()
    phone.hurry()

    phone.synced()
    (attachment,) = system.order(TOOTH)["attachments"]
    assert attachment["available"]
    assert attachment["media_type"] == "image/jpeg"


def test_a_whole_order_is_finished_without_a_signal(phone: Phone, system: System) -> None:
    phone.context.set_offline(True)
    phone.begin(TOOTH)
    for text in ("Isolated and locked out", "Adapter pin retained"):
        phone.tick(text)
    phone.page.get_by_role("button", name="Complete").click()
    expect(phone.page.get_by_text("Still to be answered: Wear of adapter nose")).to_be_visible()
    phone.measure("Wear of adapter nose", "14.6")
    phone.measure("Torque of wedge bolt", "650")
    phone.take("Bucket tooth V39")
    phone.page.get_by_role("button", name="Complete").click()
    phone.page.get_by_label("Note, if there is something to say").fill("Nose worn, order a new adapter")
    phone.page.get_by_role("dialog").get_by_role("button", name="Complete").click()
    phone.page.get_by_role("button", name="Sign").click()
    phone.page.get_by_label("Name").fill("A. Reyes")
    phone.page.get_by_role("dialog").get_by_role("button", name="Sign").click()
    phone.back()
    expect(phone.page.get_by_role("heading", name="Done today")).to_be_visible()

    phone.context.set_offline(False)

    phone.synced()
    order = system.order(TOOTH)
    assert order["status"] == "completed"
    assert order["completion_note"] == "Nose worn, order a new adapter"
    assert order["checklist"][1]["value"] == 14.6
    assert order["signatures"][0]["name"] == "A. Reyes"
    assert order["signatures"][0]["available"]


def test_who_may_only_ask_reports_a_fault_without_a_signal(new_phone: NewPhone, system: System) -> None:
    phone = new_phone()
    phone.open()
    phone.fill_sign_in("requester")
    phone.page.get_by_role("heading", name="My reports").wait_for()
    phone.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    phone.page.get_by_role("link", name="Report a fault").first.click()
    phone.page.get_by_role("button", name="Choose a machine").click()
    phone.page.get_by_label("Code, name or place").fill("SHD24-SLW")
    phone.page.get_by_role("button", name="Slew drive").click()
    phone.context.set_offline(True)
    phone.page.get_by_label("What is wrong?").fill("Slews on its own after the lever is released")
    phone.page.get_by_text("Stopped", exact=True).click()
    phone.page.get_by_role("button", name="Send report").click()
    expect(phone.page.get_by_text("Not synced")).to_be_visible()

    phone.context.set_offline(False)

    expect(phone.page.get_by_text("Waits for the office")).to_be_visible(timeout=30_000)
    (request,) = system.ask("planner", "/api/requests")["items"]
    assert request["title"] == "Slews on its own after the lever is released"
    assert "Stopped" in request["description"]


# -- what the tests put in the way

CLOCK = """
{
  const shift = %d;
  const Real = Date;
  const now = () => Real.now() + shift;
  globalThis.Date = class extends Real {
    constructor(...given) { given.length ? super(...given) : super(now()); }
    static now() { return now(); }
  };
}
"""

MANY = """async ([lane, count]) => {
  const user = JSON.parse(localStorage.getItem("millwright.me"));
  const db = await new Promise((resolve) => {
    const opening = indexedDB.open(`millwright:${user.tenant_id}:${user.id}`);
    opening.onsuccess = () => resolve(opening.result);
  });
  const tx = db.transaction(["actions", "lanes"], "readwrite");
  for (let seq = 1; seq <= count; seq++) {
    const id = `0197a000-0000-7000-8000-${String(seq).padStart(12, "0")}`;
    const order = lane.slice("work_order:".length);
    const payload = { work_order_id: order, minutes: 1, worked_on: "2026-11-30", kind: "regular" };
    const occurred_at = new Date().toISOString();
    const said = { v: 1, type: "work_order.labor.log", occurred_at, base_version: 1 };
    const fresh = { state: "pending", tried: false, commandId: null, outcome: {}, sentAt: null };
    tx.objectStore("actions").add({ id, lane, seq, said, body: { plain: payload }, ...fresh });
  }
  tx.objectStore("lanes").put(count + 1, lane);
  await new Promise((resolve) => { tx.oncomplete = resolve; });
  db.close();
}"""


def newer(path: str, body: bytes) -> bytes:
    return body.replace(b'self.VERSION="', b'self.VERSION="next-') if path.startswith("/app/sw.js") else body


def not_yet(request: Asked) -> Fault | None:
    """A server that does not know the action's type."""
    if not (request.path.startswith(REPLAYS) and request.method == "POST"):
        return None
    asked: dict[str, Any] = json.loads(request.body)
    results = [{"id": action["id"], "status": "retry_later"} for action in asked["actions"]]
    now = SystemClock().now().astimezone(UTC).isoformat()
    body = {"batch_id": asked["batch_id"], "server_time": now, "results": results}
    return Fault(202, {"content-type": "application/json"}, json.dumps(body).encode())


def picture(name: str, width: int, height: int) -> FilePayload:
    """A picture of stripes, as a file to choose."""
    row = b"".join(bytes((x % 256, (x * 7) % 256, 90)) for x in range(width))
    return _png(name, width, height, (b"\x00" + row) * height)


def noise(name: str, width: int, height: int) -> FilePayload:
    """A picture that no camera's format makes small."""
    pixels = random.Random(name).randbytes((1 + 3 * width) * height)
    rows = (b"\x00" + pixels[at + 1 : at + 1 + 3 * width] for at in range(0, len(pixels), 1 + 3 * width))
    return _png(name, width, height, b"".join(rows))


def _png(name: str, width: int, height: int, rows: bytes) -> FilePayload:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(rows, 1))
    data = b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")
    return {"name": name, "mimeType": "image/png", "buffer": data}
