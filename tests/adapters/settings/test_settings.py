"""Settings: one table, every fault at once, nothing weak in production."""

import socket
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from pymongo import MongoClient

from adapters.identity.tokens import Tokens
from adapters.mongo.demo_guard import DemoInProduction, refuse_demo_login
from adapters.process.clock import SystemClock
from adapters.settings.declaration import Row
from adapters.settings.parsers import _ESCAPED
from adapters.settings.table import KEYS_KEPT_WHY, ROOT, Settings, SettingsError, inherited, table
from cli.commands.settings import env_sample, markdown
from locks.idempotency import KEYS_KEPT
from tasks.queues import QUEUES

STRONG = "k" * 20 + "0123456789abcdef"

PRODUCTION = {
    "APP_ENV": "production",
    "MONGO_URI": "mongodb://mongo.internal/millwright?replicaSet=rs0",
    "REDIS_URL": "redis://valkey.internal/0",
    "JWT_SECRET": STRONG,
    "CORS_ORIGIN": "https://cmms.example.com",
    "FRONTEND_URL": "https://cmms.example.com",
}


def load(environ: dict[str, str], cwd: Path) -> Settings:
    return Settings.load(environ, cwd, servers_needed=False)


def faults(environ: dict[str, str], cwd: Path) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.load(environ, cwd)
    return caught.value.faults


def test_nothing_needs_to_be_set_for_a_start_on_one_machine(tmp_path: Path) -> None:
    settings = load({}, tmp_path)

    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.data_dir == tmp_path / ".data"
    assert settings.jwt_access_expires_in == timedelta(minutes=15)
    assert settings.jwt_refresh_expires_in == timedelta(days=7)
    assert settings.idempotency_ttl == timedelta(days=90)
    assert settings.mongo_socket_timeout == timedelta(seconds=45)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    told = faults(
        {
            "PORT": "80x",
            "JWT_ACCESS_EXPIRES_IN": "15",
            "IDEMPOTENCY_TTL_MS": "86400000",
            "MONGO_URI": "mongo:27017",
        },
        tmp_path,
    )

    assert told == [
        "PORT: must be a whole number from 0 to 65535",
        f"MONGO_URI: must be a URL that begins with mongodb:// or mongodb+srv://{_ESCAPED}",
        "JWT_ACCESS_EXPIRES_IN: must be a number and a unit above zero, such as 30s, 15m, 8h or 7d",
        f"IDEMPOTENCY_TTL_MS: must be a whole number of milliseconds, at least 7776000000 ({KEYS_KEPT_WHY})",
    ]


def test_keys_may_be_kept_longer_than_ninety_days_and_not_a_millisecond_less(tmp_path: Path) -> None:
    floor = KEYS_KEPT // timedelta(milliseconds=1)

    for told in (floor, floor * 4):
        settings = load({"IDEMPOTENCY_TTL_MS": str(told)}, tmp_path)
        assert settings.idempotency_ttl == timedelta(milliseconds=told)
    (fault,) = faults({"IDEMPOTENCY_TTL_MS": str(floor - 1)}, tmp_path)
    assert f"at least {floor} (90 days: " in fault


@pytest.mark.parametrize("module", ["api", "workers", "workers.scheduler"])
def test_no_process_starts_that_would_forget_keys_too_soon(module: str) -> None:
    environment = inherited() | {"IDEMPOTENCY_TTL_MS": "86400000"}

    ended = subprocess.run(
        [sys.executable, "-m", module],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode > 0
    (line,) = ended.stderr.splitlines()
    assert "IDEMPOTENCY_TTL_MS: must be" in line
    assert "at least 7776000000 (90 days: a device may repeat" in line


def test_a_web_process_whose_port_is_taken_says_so_and_ends_with_the_code_that_is_documented() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = {"MONGO_URI": "mongodb://127.0.0.1:1/", "REDIS_URL": "redis://127.0.0.1:1/0"}
        environment = inherited() | nobody | {"JWT_SECRET": STRONG, "PORT": str(taken.getsockname()[1])}

        ended = subprocess.run(
            [sys.executable, "-m", "api"],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    assert ended.returncode == 3
    assert "address already in use" in (ended.stdout + ended.stderr).lower()


@pytest.mark.parametrize("value", ["²", "9" * 40, "-1", "65536", "1e3", "0x10"])
def test_no_odd_number_passes_for_a_port(tmp_path: Path, value: str) -> None:
    assert faults({"PORT": value}, tmp_path) == ["PORT: must be a whole number from 0 to 65535"]


@pytest.mark.parametrize("value", ["999999999999w", "36501d"])
def test_a_duration_longer_than_a_century_is_a_fault(tmp_path: Path, value: str) -> None:
    assert faults({"JWT_REFRESH_EXPIRES_IN": value}, tmp_path) == [
        "JWT_REFRESH_EXPIRES_IN: must be at most 36500d"
    ]


def test_the_longest_of_every_duration_that_passes_can_be_used(tmp_path: Path) -> None:
    durations = [row for row in table() if isinstance(row.parse(row.default), timedelta)]
    longest = {row.name: _longest(row) for row in durations}

    settings = load(longest, tmp_path)

    now, most = SystemClock().now(), max(getattr(settings, row.attribute) for row in durations)
    assert now - most < now < now + 2 * most
    assert most.total_seconds() < threading.TIMEOUT_MAX
    tokens = Tokens(STRONG, lives=settings.jwt_access_expires_in, now=lambda: now)
    assert tokens.issue(tenant_id="t", user_id="u", token_version=1, id="one", session_id="s")
    MongoClient("mongodb://nowhere", connect=False, **settings.mongo_options).close()


@pytest.mark.parametrize(("host", "named"), [("0.0.0.0", "0.0.0.0"), ("::1", "[::1]"), ("cmms", "cmms")])
def test_the_address_that_people_are_told_can_be_followed(tmp_path: Path, host: str, named: str) -> None:
    assert load({"HOST": host, "PORT": "81"}, tmp_path).own_url == f"http://{named}:81"


def test_no_more_connections_are_kept_open_than_there_may_be(tmp_path: Path) -> None:
    assert load({"MONGO_MIN_POOL_SIZE": "20"}, tmp_path).mongo_min_pool_size == 20
    assert "MONGO_MIN_POOL_SIZE: must be at most MONGO_MAX_POOL_SIZE, which is 20" in faults(
        {"MONGO_MIN_POOL_SIZE": "21"}, tmp_path
    )


def _longest(row: Row) -> str:
    unit = "" if row.name.endswith(("_MS", "_DAYS")) else "ms"
    passes, fails = 1, 10**14
    while fails - passes > 1:
        middle = (passes + fails) // 2
        try:
            row.parse(f"{middle}{unit}")
        except ValueError as error:
            if "at least" in str(error):
                passes = middle
            else:
                fails = middle
        else:
            passes = middle
    return f"{passes}{unit}"


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# a comment\nexport PORT=9001 # ours\nHOST='0.0.0.0'\nLOG_LEVEL=\n")

    settings = load({"PORT": "9002"}, tmp_path)

    assert (settings.port, settings.host, settings.log_level) == (9002, "0.0.0.0", "INFO")


def test_a_line_of_the_file_that_is_no_setting_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=9001\nPORT 9002\n")

    assert faults({}, tmp_path) == [".env: line 2 is not NAME=value"]


def test_a_secret_may_come_from_a_mounted_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{STRONG}\n")

    assert load({"JWT_SECRET_FILE": "secret"}, tmp_path).access_secret == STRONG
    assert faults({"JWT_SECRET_FILE": "gone"}, tmp_path) == [
        "JWT_SECRET: JWT_SECRET_FILE names gone, which cannot be read: No such file or directory"
    ]
    assert faults({"JWT_SECRET_FILE": "secret", "JWT_SECRET": STRONG}, tmp_path) == [
        "JWT_SECRET: is set twice, also as JWT_SECRET_FILE: keep one"
    ]


def test_no_fault_and_no_representation_shows_a_secret(tmp_path: Path) -> None:
    uri = "mongodb://root:hunter2@mongo/db"

    assert "hunter2" not in repr(load({"MONGO_URI": uri, "JWT_SECRET": "hunter2"}, tmp_path))
    assert "hunter2" not in str(faults({"MONGO_URI": "http://root:hunter2@mongo/db"}, tmp_path))


@pytest.mark.parametrize(
    ("name", "password"),
    [
        *(("MONGO_URI", f"hunter2{sign}x") for sign in "/@:%"),
        *(("REDIS_URL", f"hunter2{sign}x") for sign in "/#\u2100"),
    ],
)
def test_an_address_cut_short_by_its_password_is_one_fault_that_does_not_tell_it(
    tmp_path: Path, name: str, password: str
) -> None:
    scheme = "mongodb" if name == "MONGO_URI" else "redis"

    told = faults({name: f"{scheme}://root:{password}@store:7/0"}, tmp_path)

    assert [fault.partition(":")[0] for fault in told if "percent-encoded" in fault] == [name]
    assert "hunter2" not in str(told)


def test_a_socket_of_this_machine_is_an_address_too(tmp_path: Path) -> None:
    assert load({"REDIS_URL": "unix:///run/valkey.sock"}, tmp_path).redis_url == "unix:///run/valkey.sock"


def test_without_servers_each_missing_one_is_told(tmp_path: Path) -> None:
    assert [fault.partition(":")[0] for fault in faults({}, tmp_path)] == [
        "MONGO_URI",
        "REDIS_URL",
        "JWT_SECRET",
    ]


def test_what_make_up_left_is_found_by_every_other_command(tmp_path: Path) -> None:
    data = tmp_path / ".data"
    data.mkdir()
    (data / "embedded.json").write_text(
        '{"MONGO_URI": "mongodb://127.0.0.1:1/", "REDIS_URL": "redis://127.0.0.1:2/0"}'
    )
    (data / "jwt-secret").write_text("made-at-the-first-start")

    settings = Settings.load({}, tmp_path)

    assert settings.mongo_uri == "mongodb://127.0.0.1:1/"
    assert settings.broker == "redis://127.0.0.1:2/0"
    assert settings.refresh_secret == "made-at-the-first-start"


def test_production_starts_with_what_it_needs(tmp_path: Path) -> None:
    assert Settings.load(PRODUCTION, tmp_path).is_production


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"JWT_SECRET": ""}, "JWT_SECRET: production needs it (or JWT_ACCESS_SECRET)"),
        ({"JWT_SECRET": "short"}, "JWT_SECRET: is shorter than 32 bytes"),
        ({"JWT_SECRET": "ChangeMe" * 8}, "JWT_SECRET: holds a word that everybody guesses"),
        ({"JWT_SECRET": "password" * 8}, "JWT_SECRET: holds a word that everybody guesses"),
        ({"JWT_REFRESH_SECRET": "short"}, "JWT_REFRESH_SECRET: is shorter than 32 bytes"),
        ({"CORS_ORIGIN": "*"}, "CORS_ORIGIN: * lets every site call this one; list the origins"),
        ({"CORS_ORIGIN": ""}, "CORS_ORIGIN: production needs it"),
        ({"FRONTEND_URL": ""}, "FRONTEND_URL: production needs it"),
        ({"MONGO_URI": ""}, "MONGO_URI: production needs it; embedded servers are for development"),
        ({"REDIS_URL": ""}, "REDIS_URL: production needs it; embedded servers are for development"),
    ],
)
def test_production_refuses_what_is_missing_or_weak(
    tmp_path: Path, change: dict[str, str], fault: str
) -> None:
    assert fault in faults(PRODUCTION | change, tmp_path)


def test_one_weak_secret_is_told_once_though_it_signs_both_kinds_of_token(tmp_path: Path) -> None:
    told = faults(PRODUCTION | {"JWT_SECRET": "short"}, tmp_path)

    assert told == ["JWT_SECRET: is shorter than 32 bytes"]


def test_production_refuses_the_demos_secret(tmp_path: Path) -> None:
    (tmp_path / ".data").mkdir()
    (tmp_path / ".data" / "jwt-secret").write_text(STRONG)

    assert "JWT_SECRET: is the demo's" in faults(PRODUCTION, tmp_path)


def test_production_does_not_take_what_make_up_left(tmp_path: Path) -> None:
    (tmp_path / ".data").mkdir()
    (tmp_path / ".data" / "embedded.json").write_text('{"MONGO_URI": "mongodb://127.0.0.1:1/"}')

    told = faults(PRODUCTION | {"MONGO_URI": ""}, tmp_path)

    assert told == ["MONGO_URI: production needs it; embedded servers are for development"]


def test_production_refuses_a_database_with_demo_users(tmp_path: Path) -> None:
    with pytest.raises(DemoInProduction, match="demo users"):
        refuse_demo_login(Settings.load(PRODUCTION, tmp_path), {"_id": "admin@demo.millwright.test"})

    refuse_demo_login(Settings.load(PRODUCTION, tmp_path), None)
    refuse_demo_login(load({}, tmp_path), {"_id": "admin@demo.millwright.test"})


def test_the_sample_file_is_what_the_table_says() -> None:
    assert (ROOT / ".env.sample").read_text() == env_sample()


def test_the_table_names_each_setting_once_and_its_default_is_a_value() -> None:
    rows = list(table())

    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        row.parse(row.default)
        assert f"| `{row.name}` |" in markdown()


def test_a_worker_may_be_given_some_classes_of_work(tmp_path: Path) -> None:
    assert load({}, tmp_path).worker_queues == QUEUES
    assert load({"WORKER_QUEUES": "time, interactive"}, tmp_path).worker_queues == ("interactive", "time")
    assert faults({"WORKER_QUEUES": "urgent"}, tmp_path)[0] == (
        "WORKER_QUEUES: must list some of interactive, offline, bulk, time, separated by commas"
    )
