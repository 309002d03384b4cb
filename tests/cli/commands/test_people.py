"""Onboarding and people by hand: from an empty database to the first login, and back out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from adapters.settings.table import Settings
from api.app import create_app
from api.identity.device import COOKIE
from cli.__main__ import run
from tests.api.asking import running
from tests.api.identity.signing_in import bearer, login, refresh

PASSWORD = "orange-Lamp-7-river"
NEW_PASSWORD = "violet-Lamp-8-brook"


class Terminal:
    """Runs `./millwright` on the test's database."""

    def __init__(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        monkeypatch.setenv("MONGO_URI", settings.mongo_uri)
        monkeypatch.setenv("REDIS_URL", settings.redis_url)
        monkeypatch.setenv("JWT_SECRET", settings.jwt_secret)
        monkeypatch.setenv("PASSWORD_BCRYPT_ROUNDS", "4")

    def __call__(self, *words: str) -> tuple[int, str]:
        """The exit code, and what was printed."""
        self._monkeypatch.setattr(sys, "argv", ["millwright", *words])
        try:
            code = run()
        except SystemExit as ended:
            code = int(ended.code or 0)
        printed = self._capsys.readouterr()
        return code, printed.out + printed.err


@pytest.fixture
def terminal(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    return Terminal(settings, monkeypatch, capsys)


@pytest.fixture
def tenant(people: Any) -> str:
    """An id that no other test has."""
    return str(people.tenant_id)


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    return str(file)


def create_tenant(terminal: Terminal, tenant: str, *more: str) -> tuple[int, str]:
    options = ("--name", "Acme Works", "--admin-email", f"ann@{tenant}.test", "--admin-name", "Ann Other")
    return terminal("tenants", "create", tenant, *options, *more)


async def test_a_new_tenants_first_admin_logs_in_with_the_password_that_was_shown_and_changes_it(
    terminal: Terminal, settings: Settings, tenant: str
) -> None:
    code, printed = create_tenant(terminal, tenant)
    assert code == 0, printed
    first = printed.rsplit(maxsplit=1)[1]

    async with running(create_app(settings)) as web:
        answer = await login(web, f"Ann@{tenant}.TEST", first)
        assert answer.json()["user"]["must_change_password"] is True
        assert answer.json()["user"]["permissions"] == ["*"]
        passwords = {"current_password": first, "new_password": NEW_PASSWORD}
        changed = await web.post("/api/auth/password", headers=bearer(answer), json=passwords)
        listed = await web.get("/api/users", headers=bearer(changed))

    assert changed.status_code == 200, changed.text
    assert [user["name"] for user in listed.json()["items"]] == ["Ann Other"]


def test_a_tenant_and_an_address_exist_once(terminal: Terminal, tenant: str, password_file: str) -> None:
    assert create_tenant(terminal, tenant, "--password-file", password_file)[0] == 0

    again = create_tenant(terminal, tenant, "--password-file", password_file)
    taken = terminal(
        "users", "create", tenant, f"ann@{tenant}.test", "--name", "B", "--role", "viewer", "--reason", "x"
    )

    assert again[0] == 1
    assert f"there is a tenant {tenant} already" in again[1]
    assert taken[0] == 1
    assert "already" in taken[1]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("create", "Acme"), "lower-case"),
        (("create", "acme/x"), "lower-case"),
        (("create", "acme"), "no e-mail address"),
    ],
)
def test_a_name_that_will_not_do_is_refused(
    terminal: Terminal, words: tuple[str, ...], complaint: str
) -> None:
    code, printed = terminal(
        "tenants", *words, "--name", "A", "--admin-email", "nobody", "--admin-name", "Ann"
    )

    assert (code, complaint in printed) == (1, True)


def test_a_weak_first_password_is_refused(terminal: Terminal, tenant: str, tmp_path: Path) -> None:
    (tmp_path / "weak").write_text("acme")

    code, printed = create_tenant(terminal, tenant, "--password-file", str(tmp_path / "weak"))

    assert code == 1
    assert "at least 12 characters" in printed


def test_an_unknown_role_is_refused_and_the_roles_are_named(
    terminal: Terminal, tenant: str, password_file: str
) -> None:
    create_tenant(terminal, tenant, "--password-file", password_file)

    for role in ("chief", "platform"):
        code, printed = terminal(
            "users", "create", tenant, f"b@{tenant}.test", "--name", "B", "--role", role, "--reason", "x"
        )
        assert code == 1
        assert f"there is no role {role}: it is one of admin" in printed.replace("\n", " ")


def test_the_last_admin_stays(terminal: Terminal, tenant: str, password_file: str) -> None:
    create_tenant(terminal, tenant, "--password-file", password_file)
    ann = (tenant, f"ann@{tenant}.test")

    assert "last active admin" in terminal("users", "deactivate", *ann, "--reason", "left")[1]
    assert "last active admin" in terminal("users", "roles", *ann, "--role", "viewer", "--reason", "x")[1]

    created = terminal(
        "users", "create", tenant, f"bo@{tenant}.test", "--name", "Bo", "--role", "admin", "--reason", "x"
    )
    assert created[0] == 0
    assert terminal("users", "deactivate", *ann, "--reason", "left")[0] == 0


async def test_who_is_deactivated_or_reset_is_signed_out(
    terminal: Terminal, settings: Settings, store: Database[Any], tenant: str, password_file: str
) -> None:
    create_tenant(terminal, tenant, "--password-file", password_file)
    bo = (tenant, f"bo@{tenant}.test")
    terminal(
        "users", "create", *bo, "--name", "Bo", "--role", "technician", "--reason", "hired",
        "--password-file", password_file,
    )  # fmt: skip

    async def signed_in(web: httpx.AsyncClient, password: str) -> str:
        assert (await login(web, bo[1], password)).status_code == 200
        return web.cookies[COOKIE]

    async with running(create_app(settings)) as web:
        token = await signed_in(web, PASSWORD)
        shown = json.loads(terminal("users", "sessions", *bo, "--json")[1])
        assert len(shown) == 1
        assert terminal("users", "sessions", *bo, "--end", "--reason", "lost phone")[0] == 0
        assert (await refresh(web, token)).json()["code"] == "session_ended"

        token = await signed_in(web, PASSWORD)
        second = terminal("users", "reset", *bo, "--reason", "forgot it")[1].rsplit(maxsplit=1)[1]
        assert (await refresh(web, token)).json()["code"] == "session_ended"
        assert (await login(web, bo[1], PASSWORD)).status_code == 401

        token = await signed_in(web, second)
        terminal("users", "deactivate", *bo, "--reason", "left")
        assert (await refresh(web, token)).json()["code"] == "session_ended"
        assert (await login(web, bo[1], second)).status_code == 401
        terminal("users", "activate", *bo, "--reason", "came back")
        await signed_in(web, second)
    acts = [row["act"] for row in store["operator_actions"].find({"tenant_id": tenant}).sort("_id")]
    assert [act for act in acts if act != "session.start"] == [
        "tenant.create", "user.create", "user.create", "user.end_sessions", "password.reset",
        "user.deactivate", "user.activate",
    ]  # fmt: skip


def test_people_are_listed(terminal: Terminal, tenant: str, password_file: str) -> None:
    create_tenant(terminal, tenant, "--password-file", password_file)

    rows = json.loads(terminal("users", "list", tenant, "--json")[1])

    assert [(row["email"], row["roles"], row["active"]) for row in rows] == [
        (f"ann@{tenant}.test", ["admin"], True)
    ]
    assert "hash" not in str(rows)
