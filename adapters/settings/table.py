"""All settings. `Settings` is the one table; `.env.sample` and the docs are generated from it.

Only this module reads the environment.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from pymongo.uri_parser import parse_uri

from adapters.settings import dotenv, parsers
from adapters.settings.declaration import Row, setting, setting_text
from adapters.settings.parsers import duration, milliseconds, one_of, origins, text, url, whole, yes_or_no
from adapters.settings.production import production_faults
from domain.identity.password_policy import PasswordPolicy
from locks.idempotency import KEYS_KEPT
from tasks.queues import QUEUES, Queue

ROOT = Path(__file__).resolve().parents[2]
MILLISECOND = timedelta(milliseconds=1)
DATABASE = "millwright"
EMBEDDED = "embedded"
EMBEDDED_FILE = "embedded.json"
JWT_FILE = "jwt-secret"
KEYS_KEPT_MS = KEYS_KEPT // MILLISECOND
KEYS_KEPT_WHY = f"{KEYS_KEPT.days} days: a device may repeat what it sent that late, and it would count twice"
DRIVER_LONGEST = timedelta(milliseconds=999_999_999)
"""The driver of MongoDB takes no longer waits."""


class SettingsError(Exception):
    """Settings on which nothing may start; `faults` has one line for each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


# One line for each setting: it is a table.
# fmt: off
@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a process, fixed at its start."""

    app_env: str = setting("APP_ENV", "development", one_of("development", "test", "production"), "`production` refuses weak secrets, wildcard CORS, embedded servers and demo users", group="Running")
    host: str = setting("HOST", "127.0.0.1", text, "address the web process listens on")
    port: int = setting("PORT", "8000", parsers.port, "port the web process listens on")
    metrics_port: int = setting("METRICS_PORT", "9100", parsers.port, "port for /metrics and /health of a worker or scheduler; `make up` counts up from it, workers first, and passes over those taken; 0 picks any")
    data_dir: Path = setting("DATA_DIR", ".data", Path, "embedded servers' data, secrets of the demo, bench results; relative to the project")
    log_level: str = setting("LOG_LEVEL", "INFO", one_of("TRACE", "DEBUG", "INFO", "WARNING", "ERROR"), "least level that is logged")
    worker_processes: int = setting("WORKER_PROCESSES", "auto", parsers.processes, "processes that apply commands; `auto` is 2 where there are 2 cores, else 1")
    worker_threads: int = setting("WORKER_THREADS", "8", whole(1, 256), "threads of each worker process for each class of work; they wait for hints and pool their targets into common transactions")
    worker_queues: tuple[Queue, ...] = setting("WORKER_QUEUES", ",".join(QUEUES), parsers.some_of(*QUEUES), "classes of work that a worker process applies, separated by commas; each class needs a worker somewhere")

    mongo_uri: str = setting("MONGO_URI", EMBEDDED, parsers.embedded_or(parsers.mongodb), "replica set; its path names the database (`millwright` if none); `embedded` is the server of `make up`", group="Stores", secret=True)
    mongo_max_pool_size: int = setting("MONGO_MAX_POOL_SIZE", "20", whole(1, 10_000), "most connections of one process to one server" )
    mongo_min_pool_size: int = setting("MONGO_MIN_POOL_SIZE", "0", whole(0, 10_000), "connections kept open")
    mongo_server_selection_timeout: timedelta = setting("MONGO_SERVER_SELECTION_TIMEOUT_MS", "10000", milliseconds(most=DRIVER_LONGEST), "how long to look for a primary" )
    mongo_socket_timeout: timedelta = setting("MONGO_SOCKET_TIMEOUT_MS", "45000", milliseconds(most=DRIVER_LONGEST), "how long one answer may take; the web waits 4 s at most for what people ask" )
    mongo_connect_timeout: timedelta = setting("MONGO_CONNECT_TIMEOUT_MS", "10000", milliseconds(most=DRIVER_LONGEST), "how long connecting may take" )
    mongo_max_idle_time: timedelta = setting("MONGO_MAX_IDLE_TIME_MS", "300000", milliseconds(most=DRIVER_LONGEST), "idle connections are closed after this" )
    redis_url: str = setting("REDIS_URL", EMBEDDED, parsers.embedded_or(url("redis", "rediss", "unix")), "Valkey or Redis for hints; `embedded` is the server of `make up`", secret=True)
    broker_url: str = setting("BROKER_URL", "", url("redis", "rediss", "unix"), "message broker, where it is not REDIS_URL", secret=True)

    jwt_secret: str = setting("JWT_SECRET", "", text, "signs both kinds of token; 32 bytes or more. Outside production one is made under DATA_DIR", group="Session", secret=True)
    jwt_access_secret: str = setting("JWT_ACCESS_SECRET", "", text, "signs access tokens; JWT_SECRET if empty", secret=True )
    jwt_refresh_secret: str = setting("JWT_REFRESH_SECRET", "", text, "signs refresh tokens; JWT_SECRET if empty", secret=True )
    jwt_secret_previous: str = setting("JWT_SECRET_PREVIOUS", "", text, "the JWT_SECRET before this one, which still verifies what it has signed: set it while the new one is rolled out, remove it after JWT_ACCESS_EXPIRES_IN", secret=True)
    jwt_access_secret_previous: str = setting("JWT_ACCESS_SECRET_PREVIOUS", "", text, "likewise for JWT_ACCESS_SECRET; JWT_SECRET_PREVIOUS if empty", secret=True)
    jwt_refresh_secret_previous: str = setting("JWT_REFRESH_SECRET_PREVIOUS", "", text, "likewise for JWT_REFRESH_SECRET; JWT_SECRET_PREVIOUS if empty", secret=True)
    jwt_access_expires_in: timedelta = setting("JWT_ACCESS_EXPIRES_IN", "15m", duration, "life of an access token" )
    jwt_refresh_expires_in: timedelta = setting("JWT_REFRESH_EXPIRES_IN", "7d", duration, "life of a refresh token, and of a session that nobody uses; in use, a session lasts 90 days at most" )
    cors_origin: tuple[str, ...] = setting("CORS_ORIGIN", "", origins, "origins that browsers may call from, separated by commas; none if empty" )
    frontend_url: str = setting("FRONTEND_URL", "", url("http", "https"), "where people open the app: links in messages begin with it; this server if empty")
    password_min_length: int = setting("PASSWORD_MIN_LENGTH", "12", whole(8, 72), "shortest password; bcrypt reads 72 bytes" )
    password_require_uppercase: bool = setting("PASSWORD_REQUIRE_UPPERCASE", "true", yes_or_no, "a password needs an upper-case letter" )
    password_require_lowercase: bool = setting("PASSWORD_REQUIRE_LOWERCASE", "true", yes_or_no, "a password needs a lower-case letter" )
    password_require_number: bool = setting("PASSWORD_REQUIRE_NUMBER", "true", yes_or_no, "a password needs a digit" )
    password_require_symbol: bool = setting("PASSWORD_REQUIRE_SYMBOL", "true", yes_or_no, "a password needs a character that is neither letter nor digit")
    password_bcrypt_rounds: int = setting("PASSWORD_BCRYPT_ROUNDS", "12", whole(4, 16), "cost of a password's hash: one more doubles the time of a check; hashes of a lower cost are renewed at the next login, and production takes 10 or more")
    login_lockout_threshold: int = setting("LOGIN_LOCKOUT_THRESHOLD", "5", whole(1, 1000), "failed logins within the window that lock an account" )
    login_lockout_window: timedelta = setting("LOGIN_LOCKOUT_WINDOW_MS", "900000", milliseconds(), "how long a failed login counts" )
    login_lockout_duration: timedelta = setting("LOGIN_LOCKOUT_DURATION_MS", "1800000", milliseconds(), "how long a lock lasts" )

    vite_api_url: str = setting("VITE_API_URL", "", url("http", "https"), "where the browser finds the API, if not where it got the page: an origin, such as https://api.example.com", group="Frontend")
    vite_ws_url: str = setting("VITE_WS_URL", "", url("ws", "wss", "http", "https"), "where the browser finds the stream, if not at the API; `ws` and `wss` choose the WebSocket")
    vite_socket_path: str = setting("VITE_SOCKET_PATH", "/api/stream", text, "path of the stream there")

    smtp_host: str = setting("SMTP_HOST", "", text, "mail server; empty: e-mail is not configured, and what was to be mailed is shown as failed", group="Mail")
    smtp_port: int = setting("SMTP_PORT", "587", parsers.port, "its port; 465 goes with `tls`")
    smtp_user: str = setting("SMTP_USER", "", text, "login there; empty: none")
    smtp_password: str = setting("SMTP_PASSWORD", "", text, "password of that login", secret=True)
    smtp_tls: str = setting("SMTP_TLS", "starttls", one_of("starttls", "tls", "none"), "`starttls` insists on it, `tls` from the first byte; production takes `none` only on this machine")
    mail_from: str = setting("MAIL_FROM", "Millwright <millwright@localhost>", parsers.mailbox, "sender of mails: an address, or Name <address>")

    notification_retention: timedelta = setting("NOTIFICATION_RETENTION_DAYS", "90", parsers.days(1), "how long it is remembered who was told what, people's notifications in the app among it; what is on its way or in doubt is kept", group="Notifications")

    webhook_allowed_networks: parsers.Networks = setting("WEBHOOK_ALLOWED_NETWORKS", "", parsers.networks, "networks such as 10.1.0.0/16, separated by commas, to which webhooks may go though they are private, and without https; none if empty", group="Webhooks")

    rate_limit_window: timedelta = setting("RATE_LIMIT_WINDOW_MS", "900000", milliseconds(), "how long a failed login counts against its address", group="Limits" )
    rate_limit_max: int = setting("RATE_LIMIT_MAX", "100", whole(1, 100_000_000), "failed logins of one address within the window, in each web process; nothing else is limited so far" )
    forwarded_allow_ips: parsers.Networks = setting("FORWARDED_ALLOW_IPS", "127.0.0.1", parsers.networks, "addresses or networks of the proxies in front, separated by commas: what these, and these alone, say in X-Forwarded-For is taken for the caller's address")
    idempotency_ttl: timedelta = setting("IDEMPOTENCY_TTL_MS", str(KEYS_KEPT_MS), milliseconds(KEYS_KEPT_MS, why=KEYS_KEPT_WHY), "how long an idempotency key is remembered after its command ended; an offline device may be that late")
    job_lock_ttl: timedelta = setting("JOB_LOCK_TTL_MS", "600000", milliseconds(1000), "lease of a job")
    pm_scheduler_lock_ttl: timedelta = setting("PM_SCHEDULER_LOCK_TTL_MS", "600000", milliseconds(1000), "lease of the preventive maintenance schedule")
    reminder_job_lock_ttl: timedelta = setting("REMINDER_JOB_LOCK_TTL_MS", "600000", milliseconds(1000), "lease of the reminder schedule" )
    # fmt: on

    @property
    def is_production(self) -> bool:
        return self.app_env == "production"

    @property
    def access_secret(self) -> str:
        return self.jwt_access_secret or self.jwt_secret

    @property
    def refresh_secret(self) -> str:
        return self.jwt_refresh_secret or self.jwt_secret

    @property
    def access_secret_previous(self) -> str:
        return self.jwt_access_secret_previous or self.jwt_secret_previous

    @property
    def refresh_secret_previous(self) -> str:
        return self.jwt_refresh_secret_previous or self.jwt_secret_previous

    @property
    def password_policy(self) -> PasswordPolicy:
        return PasswordPolicy(
            min_length=self.password_min_length,
            uppercase=self.password_require_uppercase,
            lowercase=self.password_require_lowercase,
            number=self.password_require_number,
            symbol=self.password_require_symbol,
        )

    @property
    def broker(self) -> str:
        return self.broker_url or self.redis_url

    @property
    def own_url(self) -> str:
        """The URL of the web process, used if FRONTEND_URL is empty."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def database(self) -> str:
        """The database that MONGO_URI names, `millwright` if it names none."""
        return parse_uri(self.mongo_uri)["database"] or DATABASE

    @property
    def mongo_options(self) -> dict[str, Any]:
        """The MONGO_* settings as the driver's keyword arguments."""
        return {
            "maxPoolSize": self.mongo_max_pool_size,
            "minPoolSize": self.mongo_min_pool_size,
            "serverSelectionTimeoutMS": int(self.mongo_server_selection_timeout / MILLISECOND),
            "socketTimeoutMS": int(self.mongo_socket_timeout / MILLISECOND),
            "connectTimeoutMS": int(self.mongo_connect_timeout / MILLISECOND),
            "maxIdleTimeMS": int(self.mongo_max_idle_time / MILLISECOND),
        }

    @classmethod
    def load(cls, environ: Mapping[str, str], cwd: Path, *, servers_needed: bool = True) -> "Settings":
        """The settings from the environment, else from `.env` in `cwd`, else the defaults.

        With `servers_needed`, `embedded` is replaced by the address of the servers that `make up` started; without
        such servers it is a fault. Raises: SettingsError: lists every fault, not only the first.
        """
        in_file, faults = dotenv.read(cwd / ".env")
        given = in_file | dict(environ)
        values: dict[str, Any] = {}
        for row in table():
            try:
                values[row.attribute] = row.parse(setting_text(row, given, cwd))
            except ValueError as error:
                faults.append(f"{row.name}: {error}")
        if faults:
            raise SettingsError(faults)
        values["data_dir"] = (cwd / values["data_dir"]).resolve()
        is_production = values["app_env"] == "production"
        if servers_needed and not is_production:
            _embed(values)
        settings = cls(**values)
        faults = list(_contradictions(settings))
        if is_production:
            faults += production_faults(settings, demo_secret=_secret_of_up(settings.data_dir))
        elif servers_needed:
            faults += _missing_servers(settings)
        if faults:
            raise SettingsError(faults)
        return settings


def table() -> Iterator[Row]:
    """The rows in the order in which they are documented; a group lasts until the next is named."""
    group = ""
    for item in fields(Settings):
        assert item.default is MISSING, "a default is text in the row, parsed like any other value"
        row = dict(item.metadata)
        group = row["group"] = row["group"] or group
        yield Row(attribute=item.name, **row)


def from_environment(*, servers_needed: bool = True) -> Settings:
    """The settings of this process. Raises: SettingsError."""
    return Settings.load(os.environ, ROOT, servers_needed=servers_needed)


def inherited() -> dict[str, str]:
    """The whole environment of this process, to pass on to a child."""
    return dict(os.environ)


def _embed(values: dict[str, Any]) -> None:
    """Fill in what `make up` wrote under DATA_DIR: the servers' addresses and a secret."""
    data_dir: Path = values["data_dir"]
    try:
        running = json.loads((data_dir / EMBEDDED_FILE).read_text())
    except (OSError, ValueError):
        running = {}
    for attribute, name in (("mongo_uri", "MONGO_URI"), ("redis_url", "REDIS_URL")):
        if values[attribute] == EMBEDDED:
            values[attribute] = running.get(name, EMBEDDED)
    values["jwt_secret"] = values["jwt_secret"] or _secret_of_up(data_dir) or ""


def _secret_of_up(data_dir: Path) -> str | None:
    """The secret that `make up` generated under DATA_DIR; None if there is none."""
    file = data_dir / JWT_FILE
    return file.read_text().strip() if file.is_file() else None


def _contradictions(settings: Settings) -> Iterator[str]:
    most = settings.mongo_max_pool_size
    if settings.mongo_min_pool_size > most:
        yield f"MONGO_MIN_POOL_SIZE: must be at most MONGO_MAX_POOL_SIZE, which is {most}"


def _missing_servers(settings: Settings) -> Iterator[str]:
    for name, value in (("MONGO_URI", settings.mongo_uri), ("REDIS_URL", settings.redis_url)):
        if value == EMBEDDED:
            yield f"{name}: no embedded servers under {settings.data_dir}: run `make up`, or set {name}"
    if not (settings.access_secret and settings.refresh_secret):
        yield "JWT_SECRET: there is no secret to sign tokens with: run `make up`, or set JWT_SECRET"
