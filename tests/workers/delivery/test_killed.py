"""Couriers that are killed while they spread and send: nothing twice, nothing lost, and what nobody can know
is said to be in doubt."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from adapters.settings import table as settings
from tests.servers import Servers
from tests.support.delivery_desk import Desk, address, ident
from tests.support.mailserver import Served, mail_server
from tests.support.patience import eventually
from tests.support.processes import Process, uri_of

COURIERS = 2
THREADS = 2
CLAIM_S = "1.0"


class Raid:
    """Keeps couriers running, and kills them all whenever the server has heard so many recipients or taken so
    many mails: then it has not answered yet."""

    def __init__(
        self, uri: str, served: Served, folder: Path, taken: Sequence[int], heard: Sequence[int]
    ) -> None:
        self._argv = ("-m", "tests.workers.delivery.courier_process", uri, str(served.port), CLAIM_S)
        self._folder = folder
        self._running: list[Process] = []
        self._started = 0
        self._lock = threading.Lock()
        self._taken, self._heard = set(taken), set(heard)
        self.kills = 0
        served.mail.on_taken = self._on_taken
        served.mail.on_heard = self._on_heard

    def reinforce(self) -> None:
        with self._lock:
            while len(self._running) < COURIERS:
                self._started += 1
                log = self._folder / f"courier-{self._started}.log"
                self._running.append(Process(self._argv, settings.inherited(), log))

    def end(self) -> None:
        with self._lock:
            for process in self._running:
                process.kill()
            self._running.clear()

    def _on_taken(self, count: int) -> None:
        if count in self._taken:
            self._kill()

    def _on_heard(self, count: int) -> None:
        if count in self._heard:
            self._kill()

    def _kill(self) -> None:
        self.kills += 1
        self.end()


@pytest.mark.parametrize(
    ("people", "each", "taken", "heard", "within_s"),
    [
        pytest.param(100, 3, (60,), (150,), 60, id="300"),
        pytest.param(
            2_500,
            4,
            range(300, 9_500, 900),
            range(700, 9_500, 900),
            900,
            id="10000",
            marks=pytest.mark.torture,
        ),
    ],
)
def test_couriers_under_kill_9_tell_each_person_once(
    desk: Desk,
    servers: Servers,
    tmp_path: Path,
    people: int,
    each: int,
    taken: Sequence[int],
    heard: Sequence[int],
    within_s: float,
) -> None:
    prepare(desk, people, each)
    with mail_server() as served:
        raid = Raid(uri_of(servers.mongo_uri, desk.db.name), served, tmp_path, taken, heard)

        def is_done() -> bool:
            raid.reinforce()
            open_rows = desk.db.deliveries.count_documents(
                {"state": {"$in": ["pending", "sending"]}}, limit=1
            )
            return not open_rows and not desk.db.notices.count_documents({"spread_at": None}, limit=1)

        try:
            eventually(is_done, within_s=within_s, what="every delivery has ended")
        finally:
            raid.end()

    assert raid.kills == len(taken) + len(heard)
    check(desk, served, people * each, kills=raid.kills)


def prepare(desk: Desk, people: int, each: int) -> None:
    for n in range(people):
        desk.person(n)
    for n in range(people * each):
        desk.notice(desk.order(n), ident(n % people), params={"n": n})


def check(desk: Desk, served: Served, notices: int, *, kills: int) -> None:
    rows = desk.rows("email")
    meant = Counter((row["about"], row["step"], row["recipient"]) for row in rows)
    arrived = Counter(served.mail.ids())
    by_state = {state: [row for row in rows if row["state"] == state] for state in ("sent", "uncertain")}

    assert desk.states("in_app") == ["sent"] * notices
    assert len(rows) == notices == len(meant)
    assert len(by_state["sent"]) + len(by_state["uncertain"]) == notices
    assert kills <= len(by_state["uncertain"]) <= kills * COURIERS * THREADS
    assert max(arrived.values()) == 1
    assert all(arrived[row["message_id"]] == 1 for row in by_state["sent"])
    assert arrived.keys() <= {row["message_id"] for row in rows}
    assert {to for to, _ in served.mail.accepted} <= {address(n) for n in range(notices)}
