"""The image as its Dockerfile makes it: what is in it, and its processes serving a command in production."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from packaging.markers import Marker

from adapters.settings.table import ROOT
from cli.embedded import ports
from tests.k8s.dockerfile import Stage, environment, stages
from tests.k8s.image import UID, Image, build
from tests.k8s.manifests import load
from tests.support.patience import eventually

READY_WITHIN_S = 60.0
SECRET = "5dUe8hXwq2-of-the-image-test-5dUe8hXwq2"
STOPPED = (0, -15, 143)
ADMIN = "ada@acme.example"
NEW_TENANT = (
    "tenants", "create", "acme", "--name", "Acme Ltd", "--admin-email", ADMIN, "--admin-name", "Ada Byron"
)  # fmt: skip


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Outside of pytest's own directories: those are closed to other users."""
    place = Path(tempfile.mkdtemp(prefix="millwright-image-"))
    place.chmod(0o755)
    yield build(place)
    subprocess.run(["chmod", "-R", "u+w", place], check=True)
    shutil.rmtree(place)


@pytest.fixture
def production(mongo_uri: str, redis_url: str) -> dict[str, str]:
    """What production demands, on servers that run outside of the image."""
    return {
        "MONGO_URI": mongo_uri,
        "REDIS_URL": redis_url,
        "JWT_ACCESS_SECRET": SECRET,
        "JWT_REFRESH_SECRET": SECRET[::-1],
        "CORS_ORIGIN": "https://millwright.example.com",
        "FRONTEND_URL": "https://millwright.example.com",
        "DATA_DIR": "/tmp/millwright",
        "PORT": str(ports.free()),
    }


class Running:
    """Processes started from the image, ended at the latest with the test."""

    def __init__(self, image: Image, directory: Path) -> None:
        self._image, self._directory = image, directory
        self.started: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, variables: dict[str, str], *argv: str) -> subprocess.Popen[bytes]:
        self.started[name] = self._image.start(argv, variables, self.log(name))
        return self.started[name]

    def log(self, name: str) -> Path:
        return self._directory / f"{name}.log"

    def ended(self, name: str) -> int:
        """The exit code of a command that ends by itself."""
        return self.started[name].wait(READY_WITHIN_S)

    def is_up(self, name: str, url: str) -> None:
        def answers() -> bool:
            assert self.started[name].poll() is None, self.log(name).read_text()
            try:
                return httpx.get(url).is_success
            except httpx.TransportError:
                return False

        eventually(answers, within_s=READY_WITHIN_S, what=f"{name} is ready")


@pytest.fixture
def running(image: Image, tmp_path: Path) -> Iterator[Running]:
    made = Running(image, tmp_path)
    yield made
    for process in made.started.values():
        process.kill()
        process.wait()


def test_web_worker_and_scheduler_serve_a_command_from_a_read_only_image(
    running: Running, production: dict[str, str]
) -> None:
    metrics = {name: str(ports.free()) for name in ("worker", "scheduler")}
    url = f"http://127.0.0.1:{production['PORT']}"
    running.start("migrate", production, "./millwright", "migrate")
    assert running.ended("migrate") == 0, running.log("migrate").read_text()
    running.start("tenant", production, "./millwright", *NEW_TENANT)
    assert running.ended("tenant") == 0, running.log("tenant").read_text()
    first_password = running.log("tenant").read_text().split()[-1]

    running.start("web", production, "python", "-m", "api")
    running.start("worker", production | {"METRICS_PORT": metrics["worker"]}, "python", "-m", "workers")
    running.start(
        "scheduler", production | {"METRICS_PORT": metrics["scheduler"]}, "python", "-m", "workers.scheduler"
    )
    running.is_up("web", f"{url}/api/health/ready")
    for name, port in metrics.items():
        running.is_up(name, f"http://127.0.0.1:{port}/health/ready")
    with httpx.Client(base_url=url, timeout=20) as client:
        client.headers["Authorization"] = f"Bearer {signed_in(client, first_password)}"
        answer = client.post(
            "/api/commands/work_order.create",
            json={"title": "Grease the bearings", "type": "preventive", "priority": "medium"},
            headers={"Idempotency-Key": "the-first-order-of-all", "Prefer": "wait=10"},
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == "applied"
        assert client.get("/app").is_success
    running.start("healthcheck", production, "python", "-m", "cli.healthcheck")
    assert running.ended("healthcheck") == 0
    for name in ("web", "worker", "scheduler"):
        running.started[name].terminate()
        assert running.ended(name) in STOPPED, running.log(name).read_text()


def signed_in(client: httpx.Client, first_password: str) -> str:
    """The access token of the first admin, who has chosen a password of her own."""
    login = client.post("/api/auth/login", json={"email": ADMIN, "password": first_password})
    assert login.status_code == 200, login.text
    chosen = client.post(
        "/api/auth/password",
        headers={"Authorization": f"Bearer {login.json()['access_token']}"},
        json={"current_password": first_password, "new_password": "Bearings-2026-greased"},
    )
    assert chosen.status_code == 200, chosen.text
    token: str = chosen.json()["access_token"]
    return token


def test_a_container_whose_process_is_gone_is_unhealthy(running: Running, production: dict[str, str]) -> None:
    running.start(
        "healthcheck", production | {"METRICS_PORT": str(ports.free())}, "python", "-m", "cli.healthcheck"
    )

    assert running.ended("healthcheck") == 1


def test_without_its_settings_the_image_refuses_to_start(running: Running) -> None:
    running.start("worker", {}, "python", "-m", "workers")

    assert running.ended("worker") == 2
    assert "MONGO_URI: production needs it" in running.log("worker").read_text()


def test_the_image_runs_as_nobody_who_could_write_to_it(image: Image) -> None:
    writable = [
        path for path in image.root.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o222
    ]
    users = {pod.spec["securityContext"]["runAsUser"] for pod in load("overlays/prod").pods()}

    assert writable == []
    assert image.user == f"{UID}:{UID}"
    assert users == {UID}


def test_the_image_holds_what_production_needs_and_nothing_else(image: Image) -> None:
    site = next((image.workdir / ".venv" / "lib").glob("python*/site-packages"))
    held = {folder.name.partition("-")[0].lower().replace("_", "-") for folder in site.glob("*.dist-info")}
    files = {path.name for path in image.root.rglob("*") if os.access(path, os.X_OK) and path.is_file()}

    assert held == locked_for_production()
    assert files.isdisjoint({"mongod", "valkey-server", "redis-server", "uv", "pip", "gcc", "pytest"})
    assert not (image.workdir / "tests").exists()
    assert (image.workdir / "sbom.cdx.json").stat().st_size > 10_000


def locked_for_production() -> set[str]:
    """The packages that the lock file gives to production on this platform."""
    exported = subprocess.run(
        [
            ROOT / ".venv" / "bin" / "uv",
            "export",
            "--frozen",
            "--no-default-groups",
            "--no-hashes",
            "--quiet",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.findall(r"^([A-Za-z0-9._-]+)==\S+(?: ; (.*))?$", exported.stdout, re.MULTILINE)
    return {
        name.lower().replace("_", "-") for name, marker in found if not marker or Marker(marker).evaluate()
    }


def test_what_is_copied_and_what_docker_may_see_agree() -> None:
    copied = {
        one.split()[0].partition("/")[0]
        for stage in stages()
        for step in stage.all("COPY")
        if not step.startswith("--from")
        for one in step.split()[:-1]
    }
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!").partition("/")[0] for line in lines if line.startswith("!")}

    assert copied == allowed
    assert "*" in lines


def test_the_image_and_the_manifests_name_the_same_ports_and_base() -> None:
    build_stage, last = stages()
    text = (ROOT / "Dockerfile").read_text()

    assert text.count("FROM ${BASE}") == 2
    assert ":latest" not in text
    assert last.all("EXPOSE") == ["8000 9100"]
    assert environment(last)["APP_ENV"] == "production"
    assert not has_build_tools(last)
    assert build_stage.name == "build"


def has_build_tools(stage: Stage) -> bool:
    return bool(stage.all("RUN"))
