"""The whole system as `make up` runs it: web, worker and scheduler, on a database with the demo in it."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
from uuid import uuid4

from pymongo.database import Database

from adapters.mongo import indexes
from adapters.process.clock import SystemClock
from adapters.settings.table import Settings
from cli.demo import tenants, workday
from tests.support.patience import eventually
from tests.support.processes import SCHEDULER, SECRET, WEB, Process, Processes

Json = dict[str, Any]
PASSWORD = tenants.PASSWORD
WITHIN_S = 30.0
TOUCHED = (
    "assets", "batches", "blob_chunks", "blobs", "commands", "deliveries", "entries", "events", "lanes",
    "meters", "notices", "parts", "requests", "work_orders",
)  # fmt: skip
"""What work leaves behind, by collection."""


class System:
    def __init__(self, db: Database[Any], mongo_uri: str, redis_url: str, directory: Path) -> None:
        self.db = db
        self.processes = Processes(db, mongo_uri, redis_url, directory)
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._tokens: dict[str, str] = {}
        self.web: Process | None = None
        settings = Settings.load(
            {"MONGO_URI": mongo_uri, "REDIS_URL": redis_url, "JWT_SECRET": SECRET}, directory
        )
        indexes.create(db)
        tenants.seed(db, settings, SystemClock())

    def start(self) -> None:
        self.start_web()
        self.processes.worker()
        self.processes.start(*SCHEDULER)

    def renew(self) -> None:
        """The morning of the demo: its orders are as at the first start, and nothing else was ever done."""
        for name in TOUCHED:
            self.db[name].delete_many({})
        workday.seed(self.db, SystemClock())
        eventually(
            lambda: self.db.work_orders.count_documents({}) == len(workday.ORDERS),
            within_s=WITHIN_S,
            what="the demo's orders",
        )

    def start_web(self) -> None:
        self.web = self.processes.start(*WEB, PORT=str(self._port), HOST="127.0.0.1")
        eventually(self._is_ready, within_s=WITHIN_S, what="the web process is ready")

    def stop_web(self) -> None:
        assert self.web is not None
        self.web.kill()

    def end(self) -> None:
        self.processes.end()

    # -- what others do meanwhile

    def ask(self, role: str, path: str, body: Json | None = None, **headers: str) -> Json:
        """The answer's JSON, as that role of the demo. Raises: HTTPError."""
        if role not in self._tokens:
            self._tokens[role] = self._login(role)
        return self._call(path, body, {"Authorization": f"Bearer {self._tokens[role]}"} | headers)

    def command(self, role: str, type: str, **payload: Any) -> Json:
        """Its receipt, applied."""
        headers = {"Idempotency-Key": uuid4().hex, "Prefer": "wait=10"}
        receipt = self.ask(role, f"/api/commands/{type}", payload, **headers)
        assert receipt["state"] == "applied", receipt
        return receipt

    def order(self, title: str) -> Json:
        """The order as it is on the server."""
        found = self.db.work_orders.find_one({"title": title})
        assert found is not None
        return self.ask("planner", f"/api/work-orders/{found['id']}")

    def user(self, role: str) -> Json:
        found = self.db.users.find_one({"email": f"{role}@demo.{tenants.DOMAIN}"})
        assert found is not None
        return dict(found)

    def revoke(self, role: str) -> None:
        """Every token of that user ends: the API refuses the ones there are when this returns."""
        token = self._tokens.pop(role, None) or self._login(role)
        self.db.users.update_one({"_id": self.user(role)["_id"]}, {"$inc": {"token_version": 1}})
        if "sessions" in self.db.list_collection_names():
            self.db.sessions.delete_many({"user_id": self.user(role)["id"]})
        eventually(lambda: self._is_refused(token), within_s=WITHIN_S, what="the token is refused")

    def _is_refused(self, token: str) -> bool:
        try:
            self._call("/api/auth/me", None, {"Authorization": f"Bearer {token}"})
        except HTTPError as error:
            return error.code == 401
        return False

    def _login(self, role: str) -> str:
        credentials = {"email": f"{role}@demo.{tenants.DOMAIN}", "password": PASSWORD}
        token: str = self._call("/api/auth/login", credentials, {})["access_token"]
        return token

    def _call(self, path: str, body: Json | None, headers: dict[str, str]) -> Json:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data, {"Content-Type": "application/json"} | headers)
        with urlopen(request, timeout=20) as answer:
            told: Json = json.load(answer)
        return told

    def _is_ready(self) -> bool:
        assert self.web is not None
        assert self.web.is_running, self.web.output()
        try:
            with urlopen(f"{self.url}/api/health/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except (HTTPError, URLError, OSError):
            return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
